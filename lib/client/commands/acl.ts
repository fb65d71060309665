import { container } from './container.ts'
import type { LocalCommands } from './local.ts'

/** ACL WHOAMI, which only the proxy can tell; the nodes have their own name for it. */
export const aclCommands: LocalCommands = {
  acl: container('acl', { whoami: { arity: 2, run: ({ session }) => session.user } }),
}
