// Writes docs/openapi.json from the operations and schemas of the studio's server. Run after `npm run build`.
import { writeFileSync } from 'node:fs'
import { openApiText } from '../dist/serve/openApi.js'

writeFileSync(new URL('../docs/openapi.json', import.meta.url), openApiText())
