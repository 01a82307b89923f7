//! What the null broker answers.

use bytes::BytesMut;
use wire::amqp091::{
    BasicCancelOk, BasicConsumeOk, BasicQosOk, ChannelCloseOk, ChannelOpenOk, ConfirmSelectOk,
    ConnectionCloseOk, ConnectionOpenOk, ConnectionStart, ConnectionTune, LongStr, Method,
    QueueBindOk, QueueDeclareOk, QueueDeleteOk,
};

use crate::amqp::FRAME_MAX_BYTES;

/// Opens the conversation.
pub(super) fn greet(output: &mut BytesMut) {
    let start = ConnectionStart {
        version_major: 0,
        version_minor: 9,
        mechanisms: LongStr(b"PLAIN"),
        locales: LongStr(b"en_US"),
        ..Default::default()
    };
    start.encode(0, output);
}

/// Appends the answer to a method; `None` if the null broker has none for it.
pub(super) fn answer(method: &Method<'_>, channel: u16, output: &mut BytesMut) -> Option<()> {
    let answer: Method<'_> = match method {
        Method::ConnectionStartOk(_) => ConnectionTune {
            channel_max: 1,
            frame_max: FRAME_MAX_BYTES,
            heartbeat: 0,
        }
        .into(),
        Method::ConnectionTuneOk(_) => return Some(()),
        Method::ConnectionOpen(_) => ConnectionOpenOk::default().into(),
        Method::ConnectionClose(_) => ConnectionCloseOk {}.into(),
        Method::ChannelOpen(_) => ChannelOpenOk::default().into(),
        Method::ChannelClose(_) => ChannelCloseOk {}.into(),
        Method::QueueDeclare(declare) => QueueDeclareOk {
            queue: declare.queue,
            ..Default::default()
        }
        .into(),
        Method::QueueBind(_) => QueueBindOk {}.into(),
        Method::QueueDelete(_) => QueueDeleteOk::default().into(),
        Method::BasicQos(_) => BasicQosOk {}.into(),
        Method::BasicConsume(consume) => BasicConsumeOk {
            consumer_tag: consume.consumer_tag,
        }
        .into(),
        Method::BasicCancel(cancel) => BasicCancelOk {
            consumer_tag: cancel.consumer_tag,
        }
        .into(),
        Method::ConfirmSelect(_) => ConfirmSelectOk {}.into(),
        _ => return None,
    };
    answer.encode(channel, output);
    Some(())
}
