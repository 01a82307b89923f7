"""Names with spaces, slashes, percent signs and other scripts, up to 255 bytes, are just names."""

from ferry import equal, open_channel

NAMES = ["with space", "a/b/c", "100%", "%2F", "grüße", "世界", "🚢", "#", "*", "x" * 255]

channel = open_channel()
channel.confirm_delivery()
for name in NAMES:
    exchange = ("x" + name)[:255]
    channel.exchange_declare(exchange, "direct")
    equal(channel.queue_declare(name).method.queue, name)
    channel.queue_bind(name, exchange, name)
    channel.basic_publish(exchange, name, name.encode(), mandatory=True)
    method, _, body = channel.basic_get(name, auto_ack=True)
    equal((method.exchange, method.routing_key, body.decode()), (exchange, name, name))
