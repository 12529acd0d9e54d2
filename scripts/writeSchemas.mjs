// Writes schemas/ from the option tables and the tables of events, and docs/events.md from the latter. Run after `npm
// run build`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { renderEventDocs } from '../dist/batch/eventDocs.js'
import { jsonSchemas, schemaText } from '../dist/batch/jsonSchemas.js'

const folder = new URL('../schemas/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, schema] of Object.entries(jsonSchemas())) writeFileSync(new URL(name, folder), schemaText(schema))
writeFileSync(new URL('../docs/events.md', import.meta.url), renderEventDocs())
