import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { optionFlag, optionNames } from './imageOptions.js'
import { renderOptionDocs } from './optionDocs.js'

test('docs/options.md is what the option table says', () => {
  const committed = readFileSync(new URL('../../docs/options.md', import.meta.url), 'utf8')
  expect(committed, 'run: npm run build && node scripts/writeOptionDocs.mjs').toBe(renderOptionDocs())
})

test('every option has a line in the docs', () => {
  const docs = renderOptionDocs()
  for (const name of optionNames) expect(docs).toContain(`| \`${name}\` | `)
  expect(docs).toContain(`\`${optionFlag('lambdaAlphaL0')}\``)
})
