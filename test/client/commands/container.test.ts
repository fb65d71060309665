import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { command, container, fitsArity, help } from '../../../lib/client/commands/container.ts'
import type { LocalCall, LocalHandler } from '../../../lib/client/commands/local.ts'
import { encodeReply, type ReplyValue } from '../../../lib/resp/encode.ts'
import { fakeClient, fakeServices } from './local-call.ts'

async function run(handler: LocalHandler, ...args: string[]): Promise<string> {
  const client = fakeClient(1)
  const call: LocalCall = {
    args: args.map((arg) => Buffer.from(arg)),
    client,
    session: client.session,
    services: fakeServices([client]),
  }
  return encodeReply((await handler(call)) as ReplyValue, 2).toString()
}

describe('fitsArity', () => {
  it('takes a negative arity for a least number', () => {
    assert.ok(fitsArity(2, 2) && !fitsArity(2, 3) && !fitsArity(2, 1))
    assert.ok(fitsArity(-2, 2) && fitsArity(-2, 3) && !fitsArity(-2, 1))
  })
})

describe('command', () => {
  it('refuses a wrong number of arguments before it runs', async () => {
    const handler = command('echo', 2, ({ args }) => args[1]!)
    assert.equal(await run(handler, 'ECHO', 'a'), '$1\r\na\r\n')
    assert.equal(
      await run(handler, 'ECHO'),
      "-ERR wrong number of arguments for 'echo' command\r\n"
    )
  })
})

describe('container', () => {
  const handler = container('thing', {
    do: { arity: 3, run: ({ args }) => args[2]! },
    help: help('thing', ['DO <x>', '    Does x.']),
  })

  it('finds subcommands in any case', async () => {
    assert.equal(await run(handler, 'THING', 'Do', 'x'), '$1\r\nx\r\n')
  })

  it('names container and subcommand when arguments are missing', async () => {
    assert.equal(
      await run(handler, 'THING', 'DO'),
      "-ERR wrong number of arguments for 'thing|do' command\r\n"
    )
    assert.equal(
      await run(handler, 'THING'),
      "-ERR wrong number of arguments for 'thing' command\r\n"
    )
  })

  it('knows no subcommand by what objects inherit', async () => {
    assert.equal(
      await run(handler, 'THING', 'toString'),
      "-ERR unknown subcommand 'toString'. Try THING HELP.\r\n"
    )
    assert.match(await run(handler, 'THING', '__proto__'), /^-ERR unknown subcommand/)
  })

  it('explains itself in statuses', async () => {
    const header = '+THING <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n'
    assert.equal(
      await run(handler, 'THING', 'HELP'),
      `*5\r\n${header}+DO <x>\r\n+    Does x.\r\n+HELP\r\n+    Prints this help.\r\n`
    )
  })
})
