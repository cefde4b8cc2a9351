"""The whole way on a drawn scene: learn what is normal, find what is not, and show it."""

from sdmae.demo.demo import Outcome, Plan, demo, demo_config

__all__ = ["Outcome", "Plan", "demo", "demo_config"]
