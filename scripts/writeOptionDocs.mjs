// Writes docs/options.md from the option table. Run after `npm run build`.
import { writeFileSync } from 'node:fs'
import { renderOptionDocs } from '../dist/options/optionDocs.js'

writeFileSync(new URL('../docs/options.md', import.meta.url), renderOptionDocs())
