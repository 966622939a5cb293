// A bare `ws` server: every entry of a Redis stream to the subscribers of its symbol.
//
//     node bare_ws.cjs FOLDER TASK
//
// `ws` is installed in FOLDER; TASK, what is said and what is answered are those of bare_picows.py.
'use strict';

const net = require('node:net');
const readline = require('node:readline');
const { WebSocketServer } = require(require.resolve('ws', { paths: [process.argv[2]] }));

const task = JSON.parse(process.argv[3]);
const READ_COUNT = '1000';
const ENTRY = 5; // strings of an entry: its id, then symbol and body with their names
const STALLED_MS = 10000;
const TEXT = { binary: false, compress: false };

const everyone = new Map(); // by symbol

function fanOut(symbol, body) {
  const subscribers = everyone.get(symbol);
  if (subscribers !== undefined) for (const socket of subscribers) socket.send(body, TEXT);
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

function fail(why) {
  process.stderr.write(`bare_ws: ${why}\n`);
  process.exit(1);
}

const server = new WebSocketServer(
  { host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false },
  () => say({ port: server.address().port }),
);
server.on('connection', (socket, request) => {
  const symbol = request.url.slice(request.url.lastIndexOf('/') + 1);
  if (!everyone.has(symbol)) everyone.set(symbol, new Set());
  const beside = everyone.get(symbol);
  beside.add(socket);
  socket.on('close', () => beside.delete(socket));
  socket.on('error', () => socket.terminate());
});

// Replies of Redis (RESP2) as flat lists: their strings in order, without how they were nested.
class Leaves {
  rest = Buffer.alloc(0);
  open = 1; // elements of the reply that are still to come
  found = [];

  feed(chunk, reply) {
    const data = this.rest.length ? Buffer.concat([this.rest, chunk]) : chunk;
    let at = 0;
    while (at < data.length) {
      const lineEnd = data.indexOf('\r\n', at, 'latin1');
      if (lineEnd < 0) break;
      let after = lineEnd + 2;
      const kind = data[at];
      const none = data[at + 1] === 0x2d;
      if (kind === 0x24 && !none) {
        const end = after + number(data, at + 1, lineEnd);
        if (end + 2 > data.length) break;
        this.found.push(data.subarray(after, end));
        after = end + 2;
      } else if (kind === 0x2a && !none) {
        this.open += number(data, at + 1, lineEnd);
      } else if (kind === 0x2d) {
        fail(data.latin1Slice(at + 1, lineEnd));
      }
      at = after;
      this.open -= 1;
      if (this.open === 0) {
        const found = this.found;
        this.found = [];
        this.open = 1;
        reply(found);
      }
    }
    this.rest = data.subarray(at);
  }
}

function number(data, from, to) {
  let value = 0;
  for (let at = from; at < to; at += 1) value = value * 10 + data[at] - 0x30;
  return value;
}

const redis = net.connect(task.redis);
const replies = new Leaves();
redis.on('data', (chunk) => replies.feed(chunk, relay));
redis.on('error', (error) => fail(error.message));
ask('0-0');

function ask(after) {
  const words = ['XREAD', 'COUNT', READ_COUNT, 'BLOCK', '0', 'STREAMS', task.stream, after];
  redis.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
}

function relay(answer) {
  for (let at = 1; at < answer.length; at += ENTRY) fanOut(answer[at + 2].latin1Slice(), answer[at + 4]);
  ask(answer[answer.length - ENTRY].latin1Slice());
}

// Messages of its own, as source.py makes them.
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function now() {
  const ms = performance.timeOrigin + performance.now();
  const micros = String(Math.floor((ms % 1) * 1000)).padStart(3, '0');
  return `${new Date(Math.floor(ms)).toISOString().slice(0, -1)}${micros}Z`;
}

async function produce(source) {
  const parts = source.template.split(/<\w+>/);
  const send = (symbol, sequence) =>
    fanOut(symbol, Buffer.from(parts[0] + now() + parts[1] + sequence + parts[2] + symbol + parts[3] + sequence + parts[4]));
  const credit = net.connect(source.credit);
  credit.on('error', (error) => fail(error.message));
  const rounds = await (source.window ? saturated(source, send, credit) : paced(source, send));
  credit.destroy();
  return rounds;
}

async function saturated(source, send, credit) {
  let received = 0;
  let toldAt = performance.now();
  credit.on('data', (told) => {
    received = Number(told.latin1Slice().trim().split('\n').pop());
    toldAt = performance.now();
  });
  let done = 0;
  for (const until = performance.now() + source.seconds * 1000; performance.now() < until; ) {
    if (done < received + source.window) {
      for (const symbol of source.symbols) send(symbol, source.first + done);
      done += 1;
    } else if (performance.now() > toldAt + STALLED_MS) {
      fail('the load has gone');
    }
    await nextTurn();
  }
  return done;
}

async function paced(source, send) {
  const count = source.symbols.length;
  const rounds = Math.round((source.seconds * source.rate) / count);
  const begin = performance.now();
  for (let at = 0; at < rounds * count; at += 1) {
    const wait = begin + (at / source.rate) * 1000 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    send(source.symbols[at % count], source.first + Math.floor(at / count));
  }
  return rounds;
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', async (line) => say({ rounds: await produce(JSON.parse(line)) }));
lines.on('close', () => process.exit(0));
