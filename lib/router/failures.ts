import { content, isError, valueStart } from '../resp/frame.ts'

/** How an error begins that leaves open whether the request was executed. */
const UNCERTAIN = 'UNCERTAIN '
/** How an error begins that says that there was nothing to kill. */
const NOT_BUSY = 'NOTBUSY '
/** Most nodes that one error names for each outcome; of further ones it says how many. */
const NODES_NAMED = 16
/** Longest quotation of a node's error in the proxy's own, characters. */
const QUOTED = 160

/** A reply that is an error, among those to the parts of one request. */
export interface PartFailure {
  /** Which reply, counted from 0. */
  readonly part: number
  /** Name of the node that gave it. */
  readonly node: string
  /** Its text, code first. */
  readonly error: string
  /** Whether the part may have been executed all the same. */
  readonly uncertain: boolean
}

/** The parts that failed, in their order; `names` has the name of the node for each reply. */
export function failures(replies: readonly Buffer[], names: readonly string[]): PartFailure[] {
  const failed: PartFailure[] = []
  for (let part = 0; part < replies.length; part++) {
    const reply = replies[part]!
    const at = valueStart(reply)
    if (!isError(reply, at)) continue
    const error = content(reply, at).toString()
    failed.push({ part, node: names[part]!, error, uncertain: error.startsWith(UNCERTAIN) })
  }
  return failed
}

/** What {@link partialFailureText} tells about. */
export interface Attempt {
  /** Lower-case name of the command. */
  readonly command: string
  /** Name of the node of each part. */
  readonly names: readonly string[]
  /** The keys of each part, when the request was split by keys: their number is told. */
  readonly parts?: readonly { readonly keys: readonly number[] }[] | undefined
}

/** The error of a request that nothing was to be changed by: the first one, and where it comes from. */
export function firstFailureText(failed: readonly PartFailure[]): string {
  const telling = failed.find(({ error }) => !error.startsWith(NOT_BUSY)) ?? failed[0]!
  return `${telling.error} (from ${telling.node})`
}

/**
 * The error of a request that was to change something and was not carried out everywhere: which nodes applied their parts, which
 * did not and why, and of which it is not known. At most a few kilobytes long. Its code is `UNCERTAIN` when one part is, else
 * `ERR`.
 */
export function partialFailureText(failed: readonly PartFailure[], attempt: Attempt): string {
  const refused = failed.filter(({ uncertain }) => !uncertain)
  const open = failed.filter(({ uncertain }) => uncertain)
  const outcomes = [
    nodeList('not applied by', refused, attempt),
    nodeList('uncertain on', open, attempt),
    nodeList('applied by', succeeded(failed, attempt), attempt),
  ]
  const code = open.length > 0 ? 'UNCERTAIN' : 'ERR'
  const what = `partial failure of '${attempt.command}'`
  return `${code} ${what}: ${outcomes.filter((outcome) => outcome !== '').join('; ')}`
}

/** One part, with an error unless it was applied. */
interface Outcome {
  readonly part: number
  readonly node: string
  readonly error?: string
}

function succeeded(failed: readonly PartFailure[], { names }: Attempt): Outcome[] {
  const wrong = new Set(failed.map(({ part }) => part))
  return names.map((node, part) => ({ part, node })).filter(({ part }) => !wrong.has(part))
}

/** The nodes of these outcomes, each once, with the first error and the number of keys. Empty without outcomes. */
function nodeList(title: string, outcomes: readonly Outcome[], { parts }: Attempt): string {
  if (outcomes.length === 0) return ''
  const nodes = new Map<string, { keys: number; error: string | undefined }>()
  for (const { part, node, error } of outcomes) {
    const keys = parts === undefined ? 0 : parts[part]!.keys.length
    const known = nodes.get(node)
    if (known === undefined) nodes.set(node, { keys, error })
    else known.keys += keys
  }
  const named = [...nodes].slice(0, NODES_NAMED).map(([node, { keys, error }]) => {
    const remark = [keysText(keys), quoted(error)].filter((text) => text !== '').join(': ')
    return remark === '' ? node : `${node} (${remark})`
  })
  const more = nodes.size - named.length
  return `${title} ${named.join(', ')}${more > 0 ? ` and ${more} more nodes` : ''}`
}

function keysText(keys: number): string {
  if (keys === 0) return ''
  return keys === 1 ? '1 key' : `${keys} keys`
}

function quoted(error = ''): string {
  return error.length > QUOTED ? `${error.slice(0, QUOTED)}...` : error
}
