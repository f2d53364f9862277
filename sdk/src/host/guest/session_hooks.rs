//! The hooks of a component, exported only by those that have a `#[sessions]` block.

use bindings::exports::hearken::plugin::session_hooks as wit;

use crate::hooks::registered;
use crate::sessions::{
    Connected, Connecting, Grant, Published, Publishing, Refreshed, Refusal, Session, Subscribed,
    Subscribing, seconds,
};

#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package hearken:sdk;
            world session-hooks {
                export hearken:plugin/session-hooks@0.2.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_session_hooks",
    });
}

/// Answers by what the plugin has registered.
#[derive(Debug)]
pub struct Exported;

impl wit::Guest for Exported {
    fn describe() -> wit::HooksDescription {
        let hooks = registered();
        let answers = [
            (hooks.connect.is_some(), wit::Question::Connect),
            (hooks.refresh.is_some(), wit::Question::Refresh),
            (hooks.subscribe.is_some(), wit::Question::Subscribe),
            (hooks.sub_refresh.is_some(), wit::Question::SubRefresh),
            (hooks.publish.is_some(), wit::Question::Publish),
            (hooks.rpc.is_some(), wit::Question::Rpc),
        ];
        let answers = answers.into_iter().filter(|(is_answered, _)| *is_answered);
        let namespaces = hooks.namespaces.iter();
        wit::HooksDescription {
            version: hooks.version.to_owned(),
            answers: answers.map(|(_, question)| question).collect(),
            namespaces: namespaces.map(|name| (*name).to_owned()).collect(),
        }
    }

    fn connect(request: wit::ConnectRequest) -> Result<wit::Connected, wit::Refusal> {
        let connect = registered().connect.ok_or_else(not_answered)?;
        let answer = connect(&Connecting {
            session: session(request.session),
            transport: request.transport,
            protocol: request.protocol,
            encoding: request.encoding,
            name: request.name,
            version: request.version,
            data: request.data,
            claims: request.claims,
            token: request.token,
            headers: request.headers,
            address: request.address,
        });
        let Connected {
            user,
            expire_at,
            info,
            data,
            subscriptions,
            meta,
        } = answer.map_err(refused)?;
        let subscriptions = subscriptions.into_iter();
        Ok(wit::Connected {
            user,
            expire_at: expire_at.map(seconds),
            info,
            data,
            subscriptions: subscriptions
                .map(|(channel, grant)| (channel, granted(grant)))
                .collect(),
            meta,
        })
    }

    fn refresh(
        asking: wit::Session,
        token: Option<String>,
    ) -> Result<wit::Refreshed, wit::Refusal> {
        let refresh = registered().refresh.ok_or_else(not_answered)?;
        refreshed(refresh(&session(asking), token.as_deref()))
    }

    fn subscribe(
        asking: wit::Session,
        request: wit::SubscribeRequest,
    ) -> Result<wit::Subscribed, wit::Refusal> {
        let subscribe = registered().subscribe.ok_or_else(not_answered)?;
        let mut subscribing = Subscribing::new(request.channel);
        subscribing.data = request.data;
        let answer = subscribe(&session(asking), &subscribing);
        let Subscribed { grant, expire_at } = answer.map_err(refused)?;
        Ok(wit::Subscribed {
            grant: granted(grant),
            expire_at: expire_at.map(seconds),
        })
    }

    fn sub_refresh(asking: wit::Session, channel: String) -> Result<wit::Refreshed, wit::Refusal> {
        let sub_refresh = registered().sub_refresh.ok_or_else(not_answered)?;
        refreshed(sub_refresh(&session(asking), &channel))
    }

    fn publish(
        asking: wit::Session,
        request: wit::PublishRequest,
    ) -> Result<wit::Published, wit::Refusal> {
        let publish = registered().publish.ok_or_else(not_answered)?;
        let publishing = Publishing::new(request.channel, request.data);
        let answer = publish(&session(asking), &publishing);
        Ok(match answer.map_err(refused)? {
            Published::Unchanged => wit::Published::Unchanged,
            Published::Changed(data) => wit::Published::Changed(data),
            Published::Handled => wit::Published::Handled,
        })
    }

    fn rpc(asking: wit::Session, method: String, data: Vec<u8>) -> Result<Vec<u8>, wit::Refusal> {
        let rpc = registered().rpc.ok_or_else(not_answered)?;
        rpc(&session(asking), &method, &data).map_err(refused)
    }
}

/// The host does not ask what is not answered.
fn not_answered() -> wit::Refusal {
    refused(Refusal::method_not_found())
}

fn session(asking: wit::Session) -> Session {
    let mut session = Session::new(asking.client, asking.user);
    session.meta = asking.meta;
    session
}

fn refreshed(answer: Result<Refreshed, Refusal>) -> Result<wit::Refreshed, wit::Refusal> {
    let Refreshed { expire_at, info } = answer.map_err(refused)?;
    Ok(wit::Refreshed {
        expire_at: expire_at.map(seconds),
        info,
    })
}

fn granted(grant: Grant) -> wit::Grant {
    let overrides = grant.overrides;
    wit::Grant {
        info: grant.info,
        data: grant.data,
        overrides: bindings::hearken::plugin::session_types::Overrides {
            presence: overrides.presence,
            join_leave: overrides.join_leave,
            force_recovery: overrides.force_recovery,
            force_positioning: overrides.force_positioning,
            force_push_join_leave: overrides.force_push_join_leave,
        },
    }
}

fn refused(refusal: Refusal) -> wit::Refusal {
    match refusal {
        Refusal::Error {
            code,
            message,
            temporary,
        } => wit::Refusal::Error(wit::RefusedWith {
            code,
            message: message.into_owned(),
            temporary,
        }),
        Refusal::Disconnect { code, reason } => wit::Refusal::Disconnect(wit::DisconnectedWith {
            code,
            reason: reason.into_owned(),
        }),
    }
}
