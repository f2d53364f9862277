'use strict';
// What sessions of clients ask is answered by a text, and a text sends them messages.

const assert = require('node:assert/strict');
const { within } = require('../clients/harness/wait');

/** A session over HTTP whose commands go apart from what it is sent. */
class Session {
  static async connect(stage, request) {
    const command = JSON.stringify({ id: 1, connect: request });
    const response = await fetch(`${stage.url}/connection/http_stream`, { method: 'POST', body: command });
    const session = new Session(stage, response.body.getReader());
    session.connected = await session.message();
    return session;
  }

  constructor(stage, reader) {
    Object.assign(this, { stage, reader, text: '', id: 1 });
  }

  /** What it is sent next. */
  async message() {
    for (;;) {
      const end = this.text.indexOf('\n');
      if (end >= 0) {
        const line = this.text.slice(0, end);
        this.text = this.text.slice(end + 1);
        if (line !== '' && line !== '{}')
          return JSON.parse(line);
        continue;
      }
      const { value, done } = await within('the session is sent something', this.reader.read());
      assert.ok(!done, `the session goes on; it was sent ${this.text}`);
      this.text += Buffer.from(value).toString();
    }
  }

  async command(command) {
    this.id += 1;
    const { session, node } = this.connected.connect;
    const data = JSON.stringify({ id: this.id, ...command });
    const answer = await fetch(`${this.stage.url}/emulation`, { method: 'POST', body: JSON.stringify({ session, node, data }) });
    assert.equal(answer.status, 204);
    const said = await this.message();
    assert.equal(said.id, this.id, JSON.stringify(said));
    return said;
  }
}

const checks = [
  ['hooks let in, refuse, change and answer', async (stage, reports) => {
    stage.save('chats.toml', '[allow]\nsessions = ["chat"]\n');
    stage.save('chats.py', `import asyncio
from hearken import Disconnect, Refusal, session_hooks, sessions

@session_hooks("chat")
class Chat:
    def connect(self, request):
        if request.data == "bad":
            raise Disconnect("go away", code=4100)
        return {"user": request.data["name"], "data": {"hello": request.data["name"]}, "meta": {"age": 7}}

    async def subscribe(self, session, request):
        await asyncio.sleep(0)
        if request.channel.endswith("secret"):
            return False
        return {"info": {"age": session.meta["age"]}, "data": request.data}

    def publish(self, session, request):
        if request.data == "nothing":
            return "handled"
        if request.data == "rude":
            raise Refusal("be polite", code=450, temporary=True)
        return {"data": [session.user, request.data]}

    def rpc(self, session, method, data):
        if method == "broken":
            return {}["missing"]
        if method == "whisper":
            return sessions.send({"user": data["to"]}, {"whispered": data["text"]}).sessions
        return {"method": method, "data": data, "user": session.user}
`);
    await reports.about('plugin.started', 'chats');
    assert.deepEqual((await stage.plugin('chats')).answers.questions.sort(), ['connect', 'publish', 'rpc', 'subscribe']);
    const ada = await Session.connect(stage, { data: { name: 'Ada' } });
    assert.deepEqual(ada.connected.connect.data, { hello: 'Ada' });
    const subscribed = await ada.command({ subscribe: { channel: 'chat:lobby', data: 'hi' } });
    assert.deepEqual(subscribed.subscribe.data, 'hi');
    const refused = await ada.command({ subscribe: { channel: 'chat:secret' } });
    assert.equal(refused.error.code, 103);
    const rude = await ada.command({ publish: { channel: 'chat:lobby', data: 'rude' } });
    assert.deepEqual(rude.error, { code: 450, message: 'be polite', temporary: true });
    const answered = await ada.command({ rpc: { method: 'sum', data: [1] } });
    assert.deepEqual(answered.rpc.data, { method: 'sum', data: [1], user: 'Ada' });
    const broken = await ada.command({ rpc: { method: 'broken' } });
    assert.equal(broken.error.code, 100);
    await stage.logged("rpc: KeyError: 'missing'");
    const bob = await Session.connect(stage, { data: { name: 'Bob' } });
    const whispered = await ada.command({ rpc: { method: 'whisper', data: { to: 'Bob', text: 'psst' } } });
    assert.equal(whispered.rpc.data, 1);
    assert.deepEqual((await bob.message()).push.message.data, { whispered: 'psst' });
    await bob.command({ subscribe: { channel: 'chat:lobby' } });
    await ada.command({ publish: { channel: 'chat:lobby', data: 'nothing' } });
    const published = bob.message();
    const said = ada.message();
    const { session, node } = ada.connected.connect;
    const data = JSON.stringify({ id: 99, publish: { channel: 'chat:lobby', data: 'hello' } });
    await fetch(`${stage.url}/emulation`, { method: 'POST', body: JSON.stringify({ session, node, data }) });
    assert.deepEqual((await published).push.pub.data, ['Ada', 'hello']);
    await said;
    const bad = await Session.connect(stage, { data: 'bad' });
    assert.equal((bad.connected.disconnect ?? bad.connected.push?.disconnect)?.code, 4100, JSON.stringify(bad.connected));
  }],
];

module.exports = { checks };
