// Reads painted documents with the built library, and beside each writes what it takes of it: float32 planes, RGBA.
//   node scripts/ci/readPainted.mjs <file> ...
import { writeFile } from 'node:fs/promises'
import { readPaintedLayer } from '../../dist/media/node/readPaintedLayer.js'

for (const path of process.argv.slice(2))
  await writeFile(`${path}.rgba`, new Uint8Array((await readPaintedLayer(path)).data.buffer))
