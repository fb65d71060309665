import { plainLane } from '../../cluster/lanes.ts'
import { ErrorReply, type ReplyValue } from '../../resp/encode.ts'
import { fieldsOf, listOf, numericOf, replyValue } from '../../router/reply-value.ts'
import { integer, word } from './argument.ts'
import type { LocalCall } from './local.ts'

/** What a master tells of one slot, and by what it is sorted. */
interface SlotStat {
  readonly item: ReplyValue
  readonly slot: number
  readonly metric: number
}

/**
 * `CLUSTER SLOT-STATS SLOTSRANGE first last` and `ORDERBY metric [LIMIT limit] [ASC|DESC]`, as of Valkey 8.0: what each master tells of its own slots, as
 * one tells it that has them all. Of several with the same number the lowest slot comes first.
 */
export async function slotStats({ args, services, client }: LocalCall): Promise<ReplyValue> {
  const replies = await services.askEach(args, plainLane(client.lane))
  const values = replies.map(({ reply }) => replyValue(reply))
  const refused = values.find((value) => value instanceof ErrorReply)
  if (refused !== undefined) return refused
  const ordered = word(args[2]!) === 'orderby'
  const by = ordered ? word(args[3]!) : ''
  const stats = values.flatMap((value) => listOf(value).map((item) => statOf(item, by)))
  const options = ordered ? args.slice(4).map(word) : []
  const sign = options.includes('asc') ? 1 : -1
  stats.sort((one, other) => sign * (one.metric - other.metric) || one.slot - other.slot)
  const limit = options.indexOf('limit')
  const most = limit < 0 ? stats.length : Number(integer(args[limit + 5]!))
  return stats.slice(0, most).map(({ item }) => item)
}

function statOf(item: ReplyValue, by: string): SlotStat {
  const [slot, metrics = []] = listOf(item)
  const metric = by === '' ? 0 : (numericOf(fieldsOf(metrics).get(by)) ?? 0)
  return { item, slot: numericOf(slot) ?? 0, metric }
}
