import { ProxyError } from '../index.ts'

/** The first file descriptor that is handed over. */
const FIRST = 3

/** A listening socket that the process was started with. */
export interface InheritedSocket {
  readonly fd: number
  /** As who started the process calls it; empty for none. */
  readonly name: string
}

/**
 * The listening sockets that systemd, or who else speaks its protocol, handed to this process (`LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`, see sd_listen_fds(3)).
 * The variables are removed, so that no process that is started from here takes them for its own. Throws `INVALID_OPTION` when the number makes no sense.
 */
export function inheritedSockets(
  environment: NodeJS.ProcessEnv,
  pid: number
): readonly InheritedSocket[] {
  const { LISTEN_FDS: count, LISTEN_PID: meant, LISTEN_FDNAMES: names = '' } = environment
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete environment[name]
  if (count === undefined || meant !== String(pid)) return []
  if (!/^[1-9]\d{0,3}$/.test(count)) {
    throw new ProxyError(
      'INVALID_OPTION',
      `LISTEN_FDS: got '${count}', expected a number of sockets`
    )
  }
  const called = names.split(':')
  return Array.from({ length: Number(count) }, (_, at) => ({
    fd: FIRST + at,
    name: called[at] ?? '',
  }))
}
