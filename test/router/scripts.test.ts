import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { frameRequest } from '../../lib/resp/request-reader.ts'
import { Scripts } from '../../lib/router/scripts.ts'

function shaOf(body: string): string {
  return createHash('sha1').update(body).digest('hex')
}

test('scripts are known by the SHA1 of their bodies, in any case', () => {
  const scripts = new Scripts(100)
  scripts.remember(Buffer.from('return 1'))
  assert.equal(String(scripts.find(shaOf('return 1'))), 'return 1')
  const request = frameRequest(['EVALSHA', shaOf('return 1').toUpperCase(), '0']).buffer
  assert.equal(String(scripts.of(request)), 'return 1')
  assert.equal(scripts.of(frameRequest(['EVALSHA']).buffer), undefined)
})

test('the least used script gives way when there is no room', () => {
  const scripts = new Scripts(20)
  scripts.remember(Buffer.from('return 1'))
  scripts.remember(Buffer.from('return 2'))
  scripts.find(shaOf('return 1'))
  scripts.remember(Buffer.from('return 3'))
  assert.equal(scripts.bytes, 16)
  assert.equal(scripts.find(shaOf('return 2')), undefined)
  assert.ok(scripts.find(shaOf('return 1')))
  scripts.remember(Buffer.alloc(21))
  assert.equal(scripts.bytes, 16)
})

test('what was sent before a flush is forgotten when that has succeeded', () => {
  const scripts = new Scripts(100)
  for (const body of ['return 1', 'return 2']) scripts.remember(Buffer.from(body))
  const mark = scripts.flushing()
  for (const body of ['return 2', 'return 3']) scripts.remember(Buffer.from(body))
  assert.equal(scripts.bytes, 24)
  scripts.forget(mark)
  assert.equal(scripts.bytes, 16)
  assert.equal(scripts.find(shaOf('return 1')), undefined)
  assert.ok(scripts.find(shaOf('return 2')))
  assert.ok(scripts.find(shaOf('return 3')))
})
