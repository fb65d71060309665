import assert from 'node:assert/strict'
import { connect, type RawClient } from '../raw-client.ts'
import type { Inbox } from './inbox.ts'
import { within } from './limit.ts'
import type { Deed } from './step.ts'
import { passwordOf, USERS, type User } from './users.ts'

/** Another client of the proxy, of one user: it publishes, writes and pushes what others wait for. */
class Voice {
  readonly client: RawClient

  constructor(client: RawClient) {
    this.client = client
  }

  async carryOut({ command, reply, repeated, effect }: Deed, inbox: Inbox): Promise<void> {
    const shown = `of another client: ${command.join(' ')}`
    for (;;) {
      const frame = String(await within(this.client.call(...command), () => shown))
      const right = typeof reply === 'string' ? frame === reply : reply.test(frame)
      if (right) break
      assert.equal(repeated, true, `${shown} was answered ${frame}, and not ${reply}`)
    }
    effect?.(inbox)
    inbox.look()
  }

  /** Has the proxy end another client's connection. */
  async kill(id: number): Promise<void> {
    await within(this.client.call('CLIENT', 'KILL', 'ID', id), () => 'the end of a client')
  }
}

/** One for each user. */
export type Voices = Readonly<Record<User, Voice>>

/** Has others connect. As long as they stay, their users' connections do. */
export async function openVoices(port: number): Promise<Voices> {
  const voices = USERS.map(async (user) => {
    const client = await connect(port)
    await client.ask('AUTH', user, passwordOf(user))
    return [user, new Voice(client)] as const
  })
  return Object.fromEntries(await Promise.all(voices)) as Voices
}

/** Ends them. */
export async function closeVoices(voices: Voices): Promise<void> {
  await Promise.all(Object.values(voices).map(({ client }) => client.end()))
}
