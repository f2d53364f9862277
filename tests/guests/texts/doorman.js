// Answers what sessions ask, as they say themselves: names of channels and methods and the data of
// the client tell what becomes of it. It listens to nothing.
import { config, Disconnect, Refusal, sessionHooks, sessions /*:: , type Session, type Target */ } from "hearken";

/*:: type Asked = { [key: string]: any }; */
export const version /*: string */ = config.get("version") ?? "1";
let asked = 0;

const after = (seconds /*: number */) => new Date(Date.now() + seconds * 1000);

/** What the last part of a channel's name, or of a method's, has become of it. */
function liveOrDie(name /*: string */)/*: string | undefined */ {
  asked += 1;
  const last = name.split(/[:.]/).at(-1);
  while (last === "hang");
  return last;
}

/** What it does, or why it could not. */
function reached(act /*: () => Asked */)/*: Asked */ {
  try {
    return act();
  } catch (error) {
    const { name, code } = error /*:: as Asked */;
    return { error: `${name}::${code}` };
  }
}

const hooks = {
  connect(request /*: Asked */) {
    const data = request.data ?? {};
    liveOrDie(data.then ?? "");
    if (data.refuse >= 3000) throw new Disconnect("go away", { code: data.refuse });
    if (data.refuse) throw new Refusal("not you", { code: data.refuse });
    const { user, transport, protocol, encoding, name, version, claims = null, token = null, address } = request;
    const headers = Object.entries(request.headers);
    return {
      user: data.user,
      expireAt: data.seconds === undefined ? undefined : after(data.seconds),
      info: { by: "doorman" },
      data: { user, transport, protocol, encoding, name, version, claims, token, headers, address },
      subscriptions: data.channels ?? [],
      meta: { came: "by the door" },
    };
  },
  refresh(session /*: Session */, token /*: string | undefined */) {
    if (session.user === "brief" && token === undefined) throw new Refusal("time is up", { code: 403 });
    if (token !== undefined && token !== "good") throw new Refusal("no such token", { code: 403 });
    return { expireAt: after(3600) };
  },
  subscribe(session /*: Session */, { channel } /*: { channel: string } */) {
    switch (liveOrDie(channel)) {
      case "closed":
        throw new Refusal("members only", { code: 403 });
      case "out":
        throw new Disconnect("out", { code: 4403 });
      case "nonsense":
        throw new Refusal("no such code", { code: 7 });
    }
    return {
      info: { seat: 7 },
      data: { meta: session.meta ?? null, user: session.user },
      expireAt: channel.endsWith(":brief") ? after(1) : undefined,
    };
  },
  subRefresh(session /*: Session */) {
    if (session.user !== "ada") throw new Refusal("expired", { code: 110 });
    return {};
  },
  publish(_ /*: Session */, { channel, data } /*: { channel: string; data?: any } */) {
    liveOrDie(channel);
    switch (data?.text) {
      case "swallow":
        return "handled";
      case "refuse":
        throw new Refusal("not that", { code: 400 });
      case "break":
        throw new TypeError("it is broken");
      case undefined:
        return true;
      default:
        return { data: { text: data.text.toUpperCase() } };
    }
  },
  rpc(session /*: Session */, method /*: string */, data /*: Asked */ = {}) {
    const { channel, user } = data;
    switch (liveOrDie(method)) {
      case "version":
        return { version: config.get("version") ?? null, asked };
      case "whoami":
        return { client: session.client, user: session.user };
      case "raw":
        throw new TypeError("there is nothing raw");
      case "send": {
        const [kind, name] = data.to.split(" ");
        const to = (name === undefined ? "all" : { [kind]: name }) /*:: as Target */;
        const options = data.but_me ? { except: { session: session.client } } : {};
        return reached(() => sessions.send(to, data.data, options));
      }
      case "subscribe":
        return reached(() => sessions.subscribe({ user }, channel));
      case "unsubscribe":
        return reached(() => sessions.unsubscribe({ user }, channel));
      case "disconnect":
        return reached(() => sessions.disconnect({ user }, { code: 4001, reason: "bye" }));
      case "presence":
        return reached(() => ({ users: sessions.presence(channel).map((info) => info.user) }));
      case "history":
        return reached(() => {
          const page = sessions.history(channel, { limit: 10, reverse: true });
          return { data: page.publications.map(({ data }) => data), top: page.top.offset };
        });
      default:
        throw new Refusal("method not found", { code: 104 });
    }
  },
};

const unanswered = (config.get("unanswered") ?? "").split(" ");
sessionHooks(Object.fromEntries(Object.entries(hooks).filter(([name]) => !unanswered.includes(name))));
