import type { FakeNode, ReceivedCommand } from '../../../lib/testing/index.ts'
import { type User, userOfKey } from './users.ts'

/** Watches that fake nodes, which know no rights, are asked for the keys of each user by that user alone. */
export class UserWatch {
  /** What the first mistake was. */
  mistake: string | undefined
  readonly #users: Map<number, User> = new Map()

  constructor(nodes: readonly FakeNode[]) {
    for (const node of nodes) {
      node.on('command', (received) => this.#look(received))
      node.on('disconnect', (connection) => this.#users.delete(connection))
    }
  }

  #look({ connection, command }: ReceivedCommand): void {
    const name = command[0]!.toLowerCase()
    if (name === 'auth' || name === 'hello') this.#note(connection, command)
    else if (name === 'reset') this.#users.delete(connection)
    else if (name !== 'client') this.#judge(connection, command)
  }

  #note(connection: number, command: readonly string[]): void {
    const at = command.findIndex((word) => word.toLowerCase() === 'auth')
    const given = at < 0 ? [] : command.slice(at + 1)
    if (given.length > 0)
      this.#users.set(connection, given.length > 1 ? (given[0] as User) : 'default')
  }

  #judge(connection: number, command: readonly string[]): void {
    const user = this.#users.get(connection)
    for (let i = 1; i < command.length; i++) {
      const owner = userOfKey(command[i]!)
      if (owner === undefined || owner === user) continue
      this.mistake ??= `${command.join(' ')} was asked by ${user}`
    }
  }
}
