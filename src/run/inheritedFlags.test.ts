import { expect, test } from 'vitest'
import { inheritedFlags } from './inheritedFlags.js'

test('keeps what holds for a whole program, with its values', () => {
  expect(
    inheritedFlags([
      '--import',
      './proxy.mjs',
      '-r',
      'dotenv',
      '--max-old-space-size=900',
      '--use-openssl-ca',
      '--conditions=dev',
    ]),
  ).toEqual([
    '--import',
    './proxy.mjs',
    '-r',
    'dotenv',
    '--max-old-space-size=900',
    '--use-openssl-ca',
    '--conditions=dev',
  ])
})

test('leaves out the program and what belongs to one process', () => {
  expect(
    inheritedFlags([
      '--input-type=module',
      '--inspect-brk',
      '-e',
      '--import',
      '--test',
      '--eval',
      'await editImage()',
      '--expose-gc',
      '--import=./a.mjs',
    ]),
  ).toEqual(['--import=./a.mjs'])
})
