// Runs before anything is drawn, so that a chosen theme does not flash up in the other one first.
(() => {
  const chosen = localStorage.getItem("sdmae-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
