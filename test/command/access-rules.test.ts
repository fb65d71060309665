import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type AccessRule,
  accessRule,
  isAllowed,
  rulesText,
} from '../../lib/command/access-rules.ts'
import { Catalogue } from '../../lib/command/catalogue.ts'

function rules(text: string): AccessRule[] {
  return text.split(' ').map((word) => {
    const rule = accessRule(word)
    assert.ok(rule !== undefined, word)
    return rule
  })
}

function allows(text: string, command: string): boolean {
  return isAllowed(rules(text), Catalogue.builtIn().get(command)!)
}

describe('words of the ACL', () => {
  it('decide from the last one that concerns a command', () => {
    assert.equal(allows('+@read', 'get'), true)
    assert.equal(allows('+@read', 'set'), false)
    assert.equal(allows('+@read -get', 'get'), false)
    assert.equal(allows('-get +@read', 'get'), true)
    assert.equal(allows('+@all -@dangerous', 'flushall'), false)
    assert.equal(allows('+@all -@all', 'get'), false)
    assert.equal(allows('ALLCOMMANDS NOCOMMANDS +GET', 'get'), true)
  })

  it('name single subcommands, or all of a container', () => {
    assert.equal(allows('+config|get', 'config|get'), true)
    assert.equal(allows('+config|get', 'config|set'), false)
    assert.equal(allows('+@all -config +config|get', 'config|get'), true)
    assert.equal(allows('+@all -config +config|get', 'config|set'), false)
    assert.equal(allows('+client', 'client|kill'), true)
    assert.equal(allows('+client', 'cluster|info'), false)
  })

  it('are refused when they deny what nobody knows: the denial would deny nothing', () => {
    for (const word of ['+@raed', '-@raed', '-flushal', 'get', '', '+', '-', '+@']) {
      assert.equal(accessRule(word), undefined, word)
    }
    // A newer server or a module may have it; until then the word allows nothing.
    assert.ok(accessRule('+hexpire') !== undefined)
    assert.ok(accessRule('-json.set') !== undefined)
    assert.ok(accessRule('-proxy') !== undefined)
  })

  it('are told without what a later word about all commands takes back', () => {
    assert.equal(rulesText(rules('+get -@all +@read -keys')), '-@all +@read -keys')
    assert.equal(rulesText(rules('+@all -debug')), '+@all -debug')
    assert.equal(rulesText(rules('+get')), '-@all +get')
    assert.equal(rulesText([]), '-@all')
  })
})
