import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startToyStudio, token } from './toyStudio.js'

const run = promisify(execFile)
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The commands of docs/http.md, but those that say where the server is. */
const commands = [...readFileSync(here('../../docs/http.md'), 'utf8').matchAll(/```sh\n([^]*?)```/g)]
  .map(([, block]) => block!)
  .slice(1)

const hasCurl = await run('curl', ['--version']).then(
  ({ stdout }) => Number(/^curl (\d+\.\d+)/.exec(stdout)?.[1]?.replace(/\.(\d)$/, '.0$1')) >= 7.76,
  () => false,
)

test.skipIf(!hasCurl)('the commands of docs/http.md do what they say', async () => {
  const studio = await startToyStudio({ delay: 500 })
  const home = mkdtempSync(join(tmpdir(), 'text2live-curl-'))
  symlinkSync(here('../../examples'), join(home, 'examples'))
  try {
    expect(commands.join('').match(/^curl/gm)!.length).toBeGreaterThanOrEqual(12)
    let said = ''
    for (const block of commands) {
      const { stdout } = await run('sh', ['-ec', block], {
        cwd: home,
        env: { ...process.env, studio: studio.base, token },
      })
      said += stdout
    }
    expect(said).toContain('{"run":"teapot-1"}')
    expect(said).toContain('event: runs')
    expect(said).toContain('{"queue":null}')
    expect(said).toContain('{"name":"photo.jpg","bytes":146864}')
    expect(said).toContain('{"run":"teapot-2"}')
    expect(readFileSync(join(home, 'photo.jpg'))).toEqual(readFileSync(here('../../examples/teapot.jpg')))
    expect(studio.faults).toEqual([])
  } finally {
    rmSync(home, { recursive: true, force: true })
    await studio.close()
  }
})
