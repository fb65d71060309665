/** Who a client is on the cluster; `default` is the proxy's own user. Each may touch keys alone that {@link keyPrefix} says. */
export type User = 'default' | 'alice' | 'bob'

/** All of them. */
export const USERS: readonly User[] = ['default', 'alice', 'bob']

/** The password of a user. */
export const passwordOf = (user: User): string => `${user}-secret`

/** What the user's keys begin with. */
export const keyPrefix = (user: User): string => (user === 'default' ? 'plain:' : `${user}:`)

const OF_A_USER = /(?:^|:)(plain|alice|bob):/

/** The user whose key an argument is, if it is one. */
export function userOfKey(argument: string): User | undefined {
  const found = OF_A_USER.exec(argument)?.[1]
  return found === 'plain' ? 'default' : (found as User | undefined)
}
