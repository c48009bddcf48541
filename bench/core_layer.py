"""Our settings with the layer that Channels' documentation recommends; DJANGO_SETTINGS_MODULE=bench.core_layer."""

from plugcontrol.settings import *  # noqa: F403
from plugcontrol.settings import REDIS_URL

CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}}
