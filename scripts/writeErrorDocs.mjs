// Writes docs/errors.md from the table of errors. Run after `npm run build`.
import { writeFileSync } from 'node:fs'
import { renderErrorDocs } from '../dist/errorGuide.js'

writeFileSync(new URL('../docs/errors.md', import.meta.url), renderErrorDocs())
