//! From the first byte to `connection.open-ok`.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use wire::amqp091::{
    ConnectionCloseOk, ConnectionOpen, ConnectionOpenOk, ConnectionStart, ConnectionStartOk,
    ConnectionTune, ConnectionTuneOk, Decoder, FRAME_MIN_BYTES, FrameKind, LongStr, Method,
    PROTOCOL_HEADER, ReplyCode, Table, TableBuilder, Value, match_protocol_header,
};

use super::Settings;
use super::connection::Connection;
use super::fault::Fault;
use super::sasl::{self, EXTERNAL, MECHANISMS};
use crate::broker::{Broker, Login, PasswordCheck, Peer};
use crate::log::AUDIT;
use crate::outbox::Wake;
use crate::refusal::{Reason, Refusal};

/// A connection on its way to a virtual host.
#[derive(Debug)]
pub(super) struct Handshake {
    broker: Arc<Broker>,
    settings: Settings,
    peer: Peer,
    /// Given to the broker when the connection attaches.
    wake: Option<Box<dyn Wake>>,
    /// Whom the peer's certificate names.
    certified: Option<String>,
    decoder: Decoder,
    client: Capabilities,
    awaits: Awaits,
}

/// What has to come next.
#[derive(Debug)]
enum Awaits {
    ProtocolHeader,
    StartOk,
    /// The word on who the client is: the driver's, if a password is to be checked.
    Check {
        mechanism: &'static str,
        username: String,
    },
    TuneOk(Login),
    Open(Login, Tuning),
}

/// What one call achieved.
pub(super) enum Progress {
    Continue,
    Authenticate(PasswordCheck),
    Opened(Box<Connection>),
    Close,
}

/// What the two sides agreed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    pub(super) channel_max: u16,
    pub(super) frame_max_bytes: u32,
    pub(super) heartbeat_s: u16,
}

/// Client capabilities the broker acts upon.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Capabilities {
    /// Wants `basic.cancel` when a consumer's queue goes away.
    pub(super) consumer_cancel_notify: bool,
    /// Wants `connection.blocked` when publishers must wait.
    pub(super) connection_blocked: bool,
    /// Wants a `connection.close` when its login fails, and not just the end.
    authentication_failure_close: bool,
}

impl Capabilities {
    fn of(client_properties: Table<'_>) -> Self {
        let Some(Value::Table(table)) = client_properties.get("capabilities") else {
            return Self::default();
        };
        let has = |name| table.get(name) == Some(Value::Bool(true));
        Self {
            consumer_cancel_notify: has("consumer_cancel_notify"),
            connection_blocked: has("connection.blocked"),
            authentication_failure_close: has("authentication_failure_close"),
        }
    }
}

impl Handshake {
    pub(super) fn new(
        broker: Arc<Broker>,
        settings: Settings,
        peer: Peer,
        wake: Box<dyn Wake>,
    ) -> Self {
        Self {
            broker,
            settings,
            peer,
            wake: Some(wake),
            certified: None,
            decoder: Decoder::default(),
            client: Capabilities::default(),
            awaits: Awaits::ProtocolHeader,
        }
    }

    /// The peer has proved by a certificate to be this user.
    pub(super) fn certify(&mut self, username: String) {
        self.certified = Some(username);
    }

    /// Not while a password is being checked.
    pub(super) fn wants_input(&self) -> bool {
        !matches!(self.awaits, Awaits::Check { .. })
    }

    /// Handles frames until one changes who is in charge, or no whole one is left.
    pub(super) fn on_bytes(
        &mut self,
        now: Instant,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<Progress, Fault> {
        if matches!(self.awaits, Awaits::ProtocolHeader) {
            match match_protocol_header(input) {
                None => return Ok(Progress::Continue),
                Some(false) => {
                    out.extend_from_slice(&PROTOCOL_HEADER);
                    return Ok(Progress::Close);
                }
                Some(true) => {
                    input.advance(PROTOCOL_HEADER.len());
                    send_start(self.certified.is_some(), out);
                    self.awaits = Awaits::StartOk;
                }
            }
        }
        while self.wants_input() {
            let mut rest = &input[..];
            let Some(frame) = self.decoder.decode(&mut rest)? else {
                break;
            };
            let progress = match frame.kind {
                FrameKind::Heartbeat => Progress::Continue,
                FrameKind::Method if frame.channel == 0 => {
                    let method = Method::decode(frame.payload)?;
                    self.on_method(now, method, out)
                        .map_err(|fault| fault.of(method.ids()))?
                }
                _ => {
                    return Err(Fault::unexpected_frame(
                        "only methods on channel 0 may come before connection.open",
                    ));
                }
            };
            let taken = input.len() - rest.len();
            input.advance(taken);
            if !matches!(progress, Progress::Continue) {
                return Ok(progress);
            }
        }
        Ok(Progress::Continue)
    }

    fn on_method(
        &mut self,
        now: Instant,
        method: Method<'_>,
        out: &mut BytesMut,
    ) -> Result<Progress, Fault> {
        match (method, &self.awaits) {
            (Method::ConnectionClose(_), _) => {
                ConnectionCloseOk {}.encode(0, out);
                Ok(Progress::Close)
            }
            (Method::ConnectionStartOk(start_ok), Awaits::StartOk) => {
                self.on_start_ok(&start_ok, out)
            }
            (Method::ConnectionTuneOk(tune_ok), Awaits::TuneOk(login)) => {
                let tuning = self.negotiate(tune_ok)?;
                self.decoder.frame_max = tuning.frame_max_bytes;
                self.awaits = Awaits::Open(login.clone(), tuning);
                Ok(Progress::Continue)
            }
            (Method::ConnectionOpen(open), Awaits::Open(login, tuning)) => {
                let (login, tuning) = (login.clone(), *tuning);
                let connection = self.open(now, &login, tuning, open)?;
                ConnectionOpenOk::default().encode(0, out);
                Ok(Progress::Opened(Box::new(connection)))
            }
            (method, _) => Err(Fault::unexpected_method(method.name())),
        }
    }

    fn on_start_ok(
        &mut self,
        start_ok: &ConnectionStartOk<'_>,
        out: &mut BytesMut,
    ) -> Result<Progress, Fault> {
        self.client = Capabilities::of(start_ok.client_properties);
        if start_ok.mechanism == EXTERNAL {
            return self.on_external(out);
        }
        let credentials = sasl::credentials(start_ok.mechanism, start_ok.response.0)?;
        let mechanism = if start_ok.mechanism == "PLAIN" {
            "PLAIN"
        } else {
            "AMQPLAIN"
        };
        let username = credentials.username.to_owned();
        self.awaits = Awaits::Check {
            mechanism,
            username,
        };
        let check = self
            .broker
            .login(credentials.username, credentials.password);
        Ok(Progress::Authenticate(check))
    }

    /// The client is who its certificate says. What it sends with that is not looked at: clients fill
    /// it differently, and none may be anyone else.
    fn on_external(&mut self, out: &mut BytesMut) -> Result<Progress, Fault> {
        let result = match &self.certified {
            Some(username) => self.broker.login_certified(username),
            None => {
                let text = "the client presented no certificate that names a user";
                Err(Refusal::new(Reason::AccessRefused, text))
            }
        };
        self.awaits = Awaits::Check {
            mechanism: EXTERNAL,
            username: self.certified.clone().unwrap_or_default(),
        };
        self.on_authenticated(result, out)
    }

    /// It was found out who the client is.
    pub(super) fn on_authenticated(
        &mut self,
        result: Result<Login, Refusal>,
        out: &mut BytesMut,
    ) -> Result<Progress, Fault> {
        let Awaits::Check {
            mechanism,
            username,
        } = &self.awaits
        else {
            return Ok(Progress::Continue);
        };
        match result {
            Ok(login) => {
                let Settings {
                    channel_max,
                    frame_max_bytes,
                    heartbeat_s,
                } = self.settings;
                ConnectionTune {
                    channel_max,
                    frame_max: frame_max_bytes,
                    heartbeat: heartbeat_s,
                }
                .encode(0, out);
                self.awaits = Awaits::TuneOk(login);
                Ok(Progress::Continue)
            }
            Err(refusal) => {
                let (peer, reason) = (&self.peer.address, &refusal.text);
                let broker = self.broker.name();
                tracing::warn!(
                    target: AUDIT, broker, %peer, user = username, mechanism, %reason,
                    "login refused"
                );
                if refusal.reason == Reason::Unavailable {
                    // Not the credentials' fault: a client that hears 403 would not try again.
                    self.broker.connection_refused(&self.peer.listener);
                    return Err(Fault::new(ReplyCode::ConnectionForced, reason));
                }
                self.broker.login_failed(username, &self.peer.listener);
                if !self.client.authentication_failure_close {
                    return Ok(Progress::Close);
                }
                // The sentence RabbitMQ has, and the same for every cause.
                Err(Fault::new(
                    ReplyCode::AccessRefused,
                    format_args!(
                        "Login was refused using authentication mechanism {mechanism}. \
                         For details see the broker logfile."
                    ),
                ))
            }
        }
    }

    /// The client may ask for less than was offered. 0 means "no limit" and is more than offered.
    fn negotiate(&self, asked: ConnectionTuneOk) -> Result<Tuning, Fault> {
        let offered = self.settings;
        check_range(
            "channel_max",
            asked.channel_max.into(),
            1,
            offered.channel_max.into(),
        )?;
        check_range(
            "frame_max",
            asked.frame_max,
            FRAME_MIN_BYTES,
            offered.frame_max_bytes,
        )?;
        Ok(Tuning {
            channel_max: asked.channel_max,
            frame_max_bytes: asked.frame_max,
            heartbeat_s: asked.heartbeat,
        })
    }

    fn open(
        &mut self,
        now: Instant,
        login: &Login,
        tuning: Tuning,
        open: ConnectionOpen<'_>,
    ) -> Result<Connection, Fault> {
        let wake = self
            .wake
            .take()
            .ok_or_else(|| Fault::unexpected_method("connection.open"))?;
        let attachment = self
            .broker
            .attach(login, open.virtual_host, self.peer.clone(), wake)
            .map_err(|refusal| attach_fault(refusal, open.virtual_host, login.username()))?;
        Ok(Connection::new(now, attachment, tuning, self.client))
    }
}

/// A virtual host that cannot be had ends the connection, whatever the reason.
fn attach_fault(refusal: Refusal, vhost: &str, username: &str) -> Fault {
    // RabbitMQ's sentences, which some clients look into.
    let text = match refusal.reason {
        Reason::Unavailable => return Fault::from(refusal),
        Reason::NotFound => format!("vhost {vhost} not found"),
        Reason::AccessRefused => {
            format!("access to vhost '{vhost}' refused for user '{username}'")
        }
        _ => refusal.text,
    };
    Fault::new(ReplyCode::NotAllowed, text)
}

fn check_range(name: &str, asked: u32, min: u32, max: u32) -> Result<(), Fault> {
    let (relation, bound, limit) = match asked {
        0 => ("higher", "maximum", max),
        _ if asked < min => ("lower", "minimum", min),
        _ if asked > max => ("higher", "maximum", max),
        _ => return Ok(()),
    };
    let detail = if asked == 0 { " (no limit)" } else { "" };
    Err(Fault::new(
        ReplyCode::NotAllowed,
        format_args!(
            "negotiated {name} = {asked}{detail} is {relation} than the {bound} allowed value \
             ({limit})"
        ),
    ))
}

/// Extensions to the protocol that this broker has; clients look for them by name.
const CAPABILITIES: &[&str] = &[
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "authentication_failure_close",
    "per_consumer_qos",
    "consumer_priorities",
    "direct_reply_to",
];

fn send_start(certified: bool, out: &mut BytesMut) {
    let capabilities = CAPABILITIES
        .iter()
        .fold(TableBuilder::new(), |table, name| {
            table.entry(name, Value::Bool(true))
        });
    let properties = TableBuilder::new()
        .entry("capabilities", Value::Table(capabilities.as_table()))
        .text("product", "FerryMQ")
        .text("version", env!("CARGO_PKG_VERSION"))
        .text("platform", "Rust");
    let mechanisms = match certified {
        true => format!("{MECHANISMS} {EXTERNAL}"),
        false => MECHANISMS.to_owned(),
    };
    let start = ConnectionStart {
        version_major: 0,
        version_minor: 9,
        server_properties: properties.as_table(),
        mechanisms: LongStr(mechanisms.as_bytes()),
        locales: LongStr(b"en_US"),
    };
    start.encode(0, out);
}
