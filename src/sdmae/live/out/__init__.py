"""Who is told of events: standard output, a broker, webhooks."""

from sdmae.live.out.json_lines import JsonLines
from sdmae.live.out.mqtt import Mqtt
from sdmae.live.out.webhook import Webhook, hooks_of

__all__ = ["JsonLines", "Mqtt", "Webhook", "hooks_of"]
