import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import { keyAccess } from '../../lib/command/key-access.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'

/** Keys by what is done with them: `r`, `w`, `rw`, or `-` for neither. */
function told(line: string): string {
  const args = line.split(' ')
  const view = frameRequest(args)
  const positions: number[] = []
  const access: number[] = []
  const count = keyAccess(Catalogue.builtIn().find(view)!, view, positions, access)
  return Array.from(
    { length: count },
    (_, i) => `${args[positions[i]!]}:${['-', 'r', 'w', 'rw'][access[i]!]}`
  ).join(' ')
}

test('the keys of a request come with what the server says is done with them', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['GET k', 'k:r'],
    ['STRLEN k', 'k:-'],
    ['EXISTS a b', 'a:- b:-'],
    ['DEL a', 'a:w'],
    ['SET k GET', 'k:w'],
    ['SET k v GET', 'k:rw'],
    ['BITFIELD k GET u8 0', 'k:r'],
    ['BITFIELD k GET u8 0 INCRBY u8 0 1', 'k:rw'],
    ['MSET a 1 b 2', 'a:w b:w'],
    ['COPY a b', 'a:r b:w'],
    ['BITOP AND d a b', 'd:w a:r b:r'],
    ['ZUNIONSTORE d 2 a b', 'd:w a:r b:r'],
    ['XREAD COUNT 1 STREAMS a b 0 0', 'a:r b:r'],
    ['GEORADIUS k 0 0 1 km', 'k:r'],
    ['GEORADIUS k 0 0 1 km STORE d', 'k:r d:w'],
    ['SORT k BY nosort STORE d', 'k:r d:w'],
    ['GEORADIUS k 0 0 1 km STORE c STORE d', 'k:r d:w'],
    ['EVAL script 2 a b x', 'a:rw b:rw'],
    ['EVAL script 0', ''],
    ['SPUBLISH channel x', ''],
    ['PING', ''],
  ]
  for (const [line, expected] of cases) assert.equal(told(line), expected, line)
})
