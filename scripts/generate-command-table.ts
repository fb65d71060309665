/**
 * Writes `lib/command/table.ts` anew from what the installed `redis-server` says: `npm run generate:commands`.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { printRow } from '../lib/command/notation.ts'
import { type CommandRow, rowFromReply } from '../lib/command/row.ts'
import { type DecodedReply, decodeReply } from '../lib/resp/decode.ts'
import { ReplyReader } from '../lib/resp/reply-reader.ts'

const TABLE = new URL('../lib/command/table.ts', import.meta.url)
const START_LIMIT_MS = 10_000

const port = await freePort()
const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
const server = spawn('redis-server', settings, { cwd: tmpdir(), stdio: 'ignore' })
try {
  const socket = await connected(server, port)
  const [info, commands] = await ask(socket, 'INFO server\r\nCOMMAND\r\n', 2)
  socket.destroy()
  const version = /^redis_version:(\S+)/m.exec(String(info))?.[1]
  if (version === undefined || !Array.isArray(commands)) throw new Error('no usable reply')
  const rows = commands.map((reply) => rowFromReply(reply)).filter((row) => row !== undefined)
  await writeFile(TABLE, tableText(rows, version))
  console.log(`${rows.length} commands of Redis ${version} written to ${TABLE.pathname}`)
} finally {
  server.kill()
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function connected(child: ChildProcess, target: number): Promise<Socket> {
  const failed = once(child, 'error').then(([error]) => Promise.reject(error))
  const giveUp = Date.now() + START_LIMIT_MS
  for (;;) {
    const socket = connect(target, '127.0.0.1')
    try {
      await Promise.race([once(socket, 'connect'), failed])
      return socket
    } catch (error) {
      if (child.pid === undefined) await failed
      if (child.exitCode !== null || Date.now() > giveUp) throw error
      await delay(20)
    }
  }
}

async function ask(socket: Socket, requests: string, count: number): Promise<DecodedReply[]> {
  const reader = new ReplyReader()
  const replies: DecodedReply[] = []
  socket.write(requests)
  for await (const chunk of socket) {
    for (let rest: Buffer = chunk; rest.length > 0; ) {
      const length = rest.copy(reader.room())
      reader.filled(length)
      rest = rest.subarray(length)
      while (reader.next() === 1) {
        replies.push(decodeReply(reader.buffer.subarray(reader.start, reader.end)))
      }
    }
    if (replies.length === count) break
  }
  return replies
}

/** Servers tell commands in the order of a hash table, which differs from start to start. */
function sorted(rows: readonly CommandRow[]): CommandRow[] {
  return rows
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((row) => ({ ...row, subcommands: sorted(row.subcommands) }))
}

function tableText(rows: readonly CommandRow[], version: string): string {
  const lines = sorted(rows)
    .flatMap(printRow)
    .map((line) => `  [${line.map(literal).join(', ')}],`)
  return [
    '// Generated from the reply to COMMAND of a redis-server; do not edit.',
    '// Write it anew with: npm run generate:commands',
    '',
    "import type { TableRow } from './notation.ts'",
    '',
    '/** Version of the server that described its commands for {@link TABLE}. */',
    `export const TABLE_VERSION = '${version}'`,
    '',
    '/** All commands of that server, each followed by its subcommands; {@link TableRow} tells the columns. */',
    'export const TABLE: readonly TableRow[] = [',
    ...lines,
    ']',
    '',
  ].join('\n')
}

function literal(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const escaped = value.replace(/[\\']/g, '\\$&')
  return value.includes("'") && !/["\\]/.test(value) ? `"${value}"` : `'${escaped}'`
}
