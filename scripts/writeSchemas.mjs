// Writes schemas/ from the option tables. Run after `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { jsonSchemas, schemaText } from '../dist/batch/jsonSchemas.js'

const folder = new URL('../schemas/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, schema] of Object.entries(jsonSchemas())) writeFileSync(new URL(name, folder), schemaText(schema))
