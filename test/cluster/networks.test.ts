import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Networks } from '../../lib/cluster/networks.ts'

type Found = string | readonly { address: string; family: number }[]

function lookUp(networks: Networks, name: string, all: boolean): Promise<Found> {
  return new Promise((resolve, reject) => {
    networks.lookup(name, { all }, (error, address) => {
      if (error === null) resolve(address as Found)
      else reject(error)
    })
  })
}

test('addresses are allowed by networks and one by one', () => {
  const networks = new Networks(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])
  for (const address of ['10.1.2.3', '192.0.2.7', 'fd12::1', '::ffff:10.1.2.3']) {
    assert.equal(networks.allows(address), true, address)
  }
  for (const address of ['11.0.0.1', '192.0.2.8', 'fe80::1', '::1', '::ffff:11.0.0.1', 'a', '']) {
    assert.equal(networks.allows(address), false, address)
  }
})

test('a name stands for its addresses that are allowed', async () => {
  const here = new Networks(['127.0.0.0/8'])
  assert.equal(await lookUp(here, 'localhost', false), '127.0.0.1')
  assert.deepEqual(await lookUp(here, 'localhost', true), [{ address: '127.0.0.1', family: 4 }])
  const elsewhere = new Networks(['10.0.0.0/8'])
  await assert.rejects(lookUp(elsewhere, 'localhost', true), /localhost.*allowedNetworks/)
  await assert.rejects(lookUp(elsewhere, 'nowhere.invalid', true), /ENOTFOUND|EAI_AGAIN/)
})
