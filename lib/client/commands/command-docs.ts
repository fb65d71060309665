import { LANES, plainLane } from '../../cluster/lanes.ts'
import { RawReply, type ReplyValue } from '../../resp/encode.ts'
import type { LocalCall, LocalServices } from './local.ts'

/** The documentation of all commands, as one version of the server gave it in one version of the protocol. */
interface Documentation {
  readonly version: string
  readonly reply: Promise<Buffer>
}

/** Kept for as long as its proxy lives: redis-cli asks for it each time it starts, and it is hundreds of kilobytes. */
const documentation = new WeakMap<LocalServices, Map<2 | 3, Documentation>>()

const MINUS = 45

/** `COMMAND DOCS [name ...]`, from any node; without names it is asked once. */
export async function commandDocs({
  args,
  client,
  services,
  session,
}: LocalCall): Promise<ReplyValue> {
  const { protocol } = session
  if (args.length > 2) return new RawReply(await services.callAny(args, plainLane(client.lane)))
  return new RawReply(await allDocs(services, protocol))
}

function allDocs(services: LocalServices, protocol: 2 | 3): Promise<Buffer> {
  let kept = documentation.get(services)
  if (kept === undefined) {
    kept = new Map()
    documentation.set(services, kept)
  }
  const found = kept.get(protocol)
  const { version } = services.software
  if (found?.version === version) return found.reply
  const reply = services.callAny(['COMMAND', 'DOCS'], protocol === 3 ? LANES.resp3 : LANES.resp2)
  kept.set(protocol, { version, reply })
  forgetFailure(kept, protocol, reply)
  return reply
}

/** Neither a failure nor an error, as servers before 7.0 give it, is worth keeping. */
function forgetFailure(
  kept: Map<2 | 3, Documentation>,
  protocol: 2 | 3,
  reply: Promise<Buffer>
): void {
  const forget = (): void => {
    if (kept.get(protocol)?.reply === reply) kept.delete(protocol)
  }
  reply.then((bytes) => {
    if (bytes[0] === MINUS) forget()
  }, forget)
}
