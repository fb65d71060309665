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

/** Gives the reply to EXEC to `done`, with what the proxy answers itself put in at its place: at once if that is nothing. */
export function withLocals(
  frame: Buffer,
  queue: readonly Queued[],
  desk: Desk,
  done: (full: Buffer) => void
): void {
  const executed = frame[0] === STAR && frame[1] !== MINUS
  if (!executed || queue.every(({ local }) => local === undefined)) {
    done(frame)
    return
  }
  const items = new FrameItems(frame)
  const pieces: (Buffer | Promise<Buffer>)[] = [frame.subarray(0, items.body)]
  for (const { local } of queue) {
    items.next()
    if (local === undefined) pieces.push(frame.subarray(items.start, items.end))
    else pieces.push(run(local, desk))
  }
  void Promise.all(pieces).then((all) => done(Buffer.concat(all)))
}

async function run({ spec, args }: LocalCommand, desk: Desk): Promise<Buffer> {
  const { protocol } = desk
  const settled: ReplyValue = await Promise.resolve(desk.runLocal(spec, args)).catch(
    (error: Error) => new ErrorReply(`ERR ${error.message}`)
  )
  return encodeReply(settled, protocol)
}
