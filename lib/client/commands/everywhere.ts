/**
 * Commands that concern the clients of all threads: each thread does its part, and one makes the reply.
 *
 * @module
 */

import type { ThreadAnswer, ThreadQuestion } from '../../program-hooks.ts'
import { ErrorReply, type ReplyValue } from '../../resp/encode.ts'
import type { LocalCall, LocalClient, LocalHandler, LocalServices } from './local.ts'

/** What one thread did. */
export interface Share<Value> {
  /** The number of the thread. */
  readonly thread: number
  readonly value: Value
}

/** A command, in two parts: what each thread does, and the reply that comes of it. */
export interface Everywhere<Value> {
  /** Its name between threads. */
  readonly kind: string
  /**
   * Does this thread's part; what it gives travels between processes. `self` is the client that asked, undefined where another thread serves it.
   * Arguments are checked here: with an error nobody else is asked.
   */
  share(
    args: readonly Buffer[],
    services: LocalServices,
    self: LocalClient | undefined
  ): Value | ErrorReply | Promise<Value>
  /** Makes the reply; this thread's part is the first. */
  reply(shares: readonly Share<Value>[], call: LocalCall): ReplyValue | Promise<ReplyValue>
  /** The name under which threads that start later are told too. */
  lasting?(args: readonly Buffer[]): string
}

/** The handler of a command that concerns all threads. While there is one thread it answers at once. */
export function everywhere<Value>(command: Everywhere<Value>): LocalHandler {
  return (call) => {
    const { args, client, services } = call
    const own = command.share(args, services, client)
    if (own instanceof ErrorReply) return own
    const { threads } = services.admin.program
    const lasting = command.lasting?.(args)
    const question: ThreadQuestion = {
      kind: command.kind,
      args,
      ...(lasting === undefined ? {} : { lasting }),
    }
    const others = threads?.ask?.(question)
    if (others === undefined && !(own instanceof Promise)) {
      return command.reply([{ thread: threads?.index ?? 0, value: own }], call)
    }
    return together(command, call, own, others)
  }
}

async function together<Value>(
  command: Everywhere<Value>,
  call: LocalCall,
  own: Value | Promise<Value>,
  asked: Promise<readonly ThreadAnswer[]> | undefined
): Promise<ReplyValue> {
  const others = (await asked) ?? []
  const shares = others.map(({ thread, value }) => ({ thread, value: value as Value }))
  const { threads } = call.services.admin.program
  return command.reply([{ thread: threads?.index ?? 0, value: await own }, ...shares], call)
}
