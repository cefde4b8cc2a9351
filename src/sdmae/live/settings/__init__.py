"""What `sdmae serve` reads: a YAML file of cameras, where events are kept, and who is told of them."""

from sdmae.live.settings.fields import (
    CameraSettings,
    LiveSettings,
    MqttSettings,
    RetentionSettings,
    WebhookSettings,
)
from sdmae.live.settings.read import read_settings
from sdmae.live.settings.secret import Secret

__all__ = [
    "CameraSettings",
    "LiveSettings",
    "MqttSettings",
    "RetentionSettings",
    "Secret",
    "WebhookSettings",
    "read_settings",
]
