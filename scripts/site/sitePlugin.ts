import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Plugin, transformWithEsbuild } from 'vite'
import { engineLoaders, siteFileList, type SourcedFile } from './siteFileList.js'

const serviceWorker = fileURLToPath(new URL('../../src/studio/hosts/serviceWorker.ts', import.meta.url))

/** The page reaches its own site and nothing else; WebAssembly is the engine's. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  // mediabunny splits the colours and the alpha of a frame in a worker that it makes of its own source.
  "worker-src 'self' blob:",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self' blob: data:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/**
 * Makes of a page a static site that works alone: the models and the engine with their sizes and hashes, the security
 * policy, and a service worker that keeps the shell.
 */
export function sitePlugin(): Plugin {
  let files: SourcedFile[] = []
  let out = ''
  return {
    name: 'text2live-site',
    apply: 'build',
    async config() {
      files = await siteFileList()
      return { define: { STUDIO_FILES: JSON.stringify(files.map(({ file }) => file)) } }
    },
    configResolved({ build, root }) {
      out = join(root, relative(root, build.outDir))
    },
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: policy },
        injectTo: 'head-prepend',
      },
    ],
    async closeBundle() {
      for (const { from, path } of [...engineLoaders, ...files.map(({ from, file }) => ({ from, path: file.path }))]) {
        await mkdir(dirname(join(out, path)), { recursive: true })
        await cp(from, join(out, path))
      }
      const fetched = new Set(files.map(({ file }) => file.path))
      const shell = (await namesBelow(out)).filter((name) => !fetched.has(name) && name !== 'serviceWorker.js').sort()
      await writeFile(join(out, 'serviceWorker.js'), await serviceWorkerFor(out, shell))
    },
  }
}

async function serviceWorkerFor(out: string, shell: readonly string[]): Promise<string> {
  const source = await readFile(serviceWorker, 'utf8')
  const { code } = await transformWithEsbuild(source, serviceWorker, {
    format: 'iife',
    minify: true,
    target: 'es2022',
    sourcemap: false,
  })
  const hash = createHash('sha256').update(code)
  for (const name of shell) hash.update(name).update(await readFile(join(out, name)))
  const version = hash.digest('hex').slice(0, 16)
  return `const SHELL=${JSON.stringify({ version, policy, files: shell })};${code}`
}

/** Paths of all files below a folder, as addresses have them. */
async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
}
