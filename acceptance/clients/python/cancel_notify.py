"""A consumer whose queue is deleted is told so by basic.cancel."""

from ferry import PATIENCE_S, connect, equal

watcher, other = connect(), connect()
channel = watcher.channel()
channel.queue_declare("doomed")
cancelled = []
channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
tag = channel.basic_consume("doomed", lambda *_: None)
other.channel().queue_delete("doomed")
watcher.process_data_events(PATIENCE_S)
equal(cancelled, [tag])

# The channel lives on.
channel.queue_declare("next")
