import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { imageTable } from '../options/imageTable.js'
import type { OptionTable } from '../options/optionTable.js'
import { videoTable } from '../options/videoTable.js'
import { requestOptionNames } from './apiSchemas.js'
import { openApi, openApiText } from './openApi.js'
import { operations } from './operations.js'

test('docs/openapi.json is what the operations say', () => {
  const committed = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  expect(committed, 'run: npm run build && node scripts/writeOpenApi.mjs').toBe(openApiText())
})

test('each operation is described once, and each reference leads somewhere', () => {
  const document = openApi() as {
    paths: Record<string, Record<string, { operationId: string }>>
    components: { schemas: Record<string, unknown> }
  }
  const described = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  expect(described.sort()).toEqual(Object.keys(operations).sort())
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  )
  expect(new Set(references)).toEqual(new Set(Object.keys(document.components.schemas)))
})

test('every option is described but those that a request cannot give', () => {
  type Described = { readonly properties: object }
  const { schemas } = (openApi() as { components: { schemas: { Options: Described; ClipOptions: Described } } })
    .components
  const withheld = (table: OptionTable, { properties }: Described): string[] => {
    expect(Object.keys(properties)).toEqual(requestOptionNames(table))
    return Object.keys(table.rows).filter((name) => !Object.hasOwn(properties, name))
  }
  const common = ['config', 'out', 'force', 'json']
  expect(withheld(imageTable, schemas.Options)).toEqual(['photo', 'mask', 'over', 'seeds', ...common])
  expect(withheld(videoTable, schemas.ClipOptions)).toEqual(['clip', 'object', 'mask', 'over', ...common])
})
