import { readFileSync } from 'node:fs'

/** Files beside those of clients: the program's own, and connections to nodes as few as they can be. */
const OTHERS = 64

/** How many files, sockets included, a process may have open, where the system tells (Linux). Node raises it to the most it may have. */
export function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

/**
 * What is to be said where the clients cannot all have a socket: who is above the limit of the system is cut off without a word, and nodes may not be reached. Undefined
 * if all is well, or nobody knows.
 */
export function tooFewFiles(
  maxClients: number,
  threads: number,
  limit: number | undefined
): string | undefined {
  // Clients are spread over the threads, each a process.
  const needed = Math.ceil(maxClients / threads) + OTHERS
  if (limit === undefined || limit >= needed) return undefined
  return (
    `maxclients ${maxClients} needs ${needed} open files or more in a process, which may have ${limit}: ` +
    'who comes then is cut off without a word; raise the limit (ulimit -n, LimitNOFILE) or lower maxclients'
  )
}
