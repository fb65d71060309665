import type { CommandSpec } from '../command/spec.ts'
import { ErrorReply, encodeReply, type ReplyValue, SimpleString } from '../resp/encode.ts'
import { FrameItems } from '../resp/frame.ts'
import type { Request } from '../router/request.ts'
import type { Piece } from './attempt.ts'
import type { Desk } from './desk.ts'

/** A command between MULTI and EXEC; kept until the end, so that it can be queued again elsewhere. */
export interface Queued extends Piece {
  readonly request: Request
  answered: boolean
  /** The script that it calls by its SHA1. */
  readonly sha: string | undefined
  /** What the proxy puts into the reply to EXEC in its place. */
  readonly local: LocalCommand | undefined
}

/** A command that the proxy answers itself. */
export interface LocalCommand {
  readonly spec: CommandSpec
  readonly args: readonly Buffer[]
}

/** What a command between MULTI and EXEC is answered. */
export const QUEUED: SimpleString = new SimpleString('QUEUED')

const STAR = 42
const MINUS = 45

/** Whether some items of a reply to EXEC are the proxy's to give. */
export function hasLocals(frame: Buffer, queue: readonly Queued[]): boolean {
  if (frame[0] !== STAR || frame[1] === MINUS) return false
  return queue.some(({ local }) => local !== undefined)
}

/** The reply to EXEC, with what the proxy answers itself put in at its place. */
export async function withLocals(
  frame: Buffer,
  queue: readonly Queued[],
  desk: Desk
): Promise<Buffer> {
  const items = new FrameItems(frame)
  const pieces: (Buffer | Promise<Buffer>)[] = [frame.subarray(0, items.body)]
  for (const { local } of queue) {
    items.next()
    if (local === undefined) pieces.push(frame.subarray(items.start, items.end))
    else pieces.push(run(local, desk))
  }
  return Buffer.concat(await Promise.all(pieces))
}

async function run({ spec, args }: LocalCommand, desk: Desk): Promise<Buffer> {
  const { protocol } = desk
  const settled: ReplyValue = await Promise.resolve(desk.runLocal(spec, args)).catch(
    (error: Error) => new ErrorReply(`ERR ${error.message}`)
  )
  return encodeReply(settled, protocol)
}
