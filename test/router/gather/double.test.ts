import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { double } from '../../../lib/router/gather/double.ts'

describe('arguments', () => {
  it('are doubles as strtod reads them', () => {
    const read = (text: string): number | undefined => double(Buffer.from(text))
    const numbers: Record<string, number> = {
      '1': 1,
      '+1.5e1': 15,
      '.5': 0.5,
      '2.': 2,
      '-3': -3,
      inf: Infinity,
      '-Infinity': -Infinity,
      '0e999': 0,
      '5e-324': 5e-324,
      '0x1F': 31,
      '-0x.8P2': -2,
      '0x1p-1074': 5e-324,
      [`0x1${'0'.repeat(250)}p-1000`]: 1,
      '0x0p9999999': 0,
    }
    for (const [text, value] of Object.entries(numbers)) assert.equal(read(text), value, text)
    const none = [
      '',
      '.',
      'x',
      'nan',
      ' 1',
      '1 ',
      '1e',
      '1e400',
      '-1e-400',
      '0x',
      '0x.',
      '0x1p9999',
    ]
    for (const text of [...none, '0x1p-2000', '1\0']) assert.equal(read(text), undefined, text)
  })
})
