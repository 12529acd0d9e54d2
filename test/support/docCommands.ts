import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'dist/cli/main.js')

/** Why a command of the docs is not run by `docCommands.test.ts`, and what shows that it works. */
export type Reason =
  /** A few minutes of CPU: `npm run test:long`, see `docCommands.long.ts`. */
  | 'long'
  /** Needs a network; fetching is tested against a local hub in test/models. */
  | 'fetches'
  /** Needs a GPU of NVIDIA. */
  | 'cuda'
  /** For a machine with a graphics card; test/repository/gpuPack.test.ts packs, unpacks and runs what needs none. */
  | 'card'
  /** Measures for minutes; run by whoever wants the numbers, see docs/benchmarks.md. */
  | 'measures'
  /** Needs Redis and a store; test/queue starts both. */
  | 'redis'
  /** Serves until it is ended; test/serve and test/studio ask it. */
  | 'serves'
  /** A command of a clone, or of npm: `.ci/run` builds, tests and installs the packed package. */
  | 'ci'
  /** Asks a server: test/serve/httpDocs.test.ts runs the page. */
  | 'http'

/** Commands that are not run, as they stand in the docs, but for the spaces. */
export const notRun: Readonly<Record<string, Reason>> = {
  'npm ci && npm run demo': 'ci',
  'npm ci && npm run demo:video': 'ci',
  'npm ci && npm run studio': 'ci',
  'npm ci && npm test': 'ci',
  'npm run studio': 'ci',
  'npm run build:site': 'ci',
  'npm install text2live': 'ci',
  'ONNXRUNTIME_NODE_INSTALL=skip npm install text2live': 'ci',
  'ONNXRUNTIME_NODE_INSTALL=true npm install text2live': 'fetches',
  'ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js': 'fetches',
  'npx text2live image photo.jpg "golden teapot" --device cuda': 'cuda',
  'npx text2live image horse.jpg "golden horse" --guidance openai/clip-vit-base-patch32': 'fetches',
  'npx text2live batch jobs.csv --queue redis://10.0.0.5 --store /mnt/edits': 'redis',
  'npx text2live studio': 'serves',
  'node bench/step.mjs': 'measures',
  'node bench/step.mjs --starter': 'measures',
  'node bench/preview.mjs': 'measures',
  'node bench/demo.mjs': 'measures',
  'node bench/memory.mjs': 'measures',
  'node bench/clip.mjs': 'measures',
  'node bench/growth.mjs': 'measures',
  'node bench/growth.mjs --series size --series views --save growth.json': 'measures',
  'node bench/growth.mjs --save growth.json --draw docs/images/growth.svg': 'measures',
  'bash bench/gpu.sh pack build/gpu': 'card',
  'bash bench/gpu.sh unpack build/gpu/1': 'card',
  'bash bench/gpu.sh unpack build/gpu/2 && bash bench/gpu.sh run --results "$OUT"': 'card',
  'node bench/step.mjs --rounds 2 --text2live ../Text2LIVE --madgrad ../madgrad --py ../venv/bin/python --published-step ../published_step.py':
    'measures',
  'node bench/flow.mjs': 'measures',
  'node bench/flow.mjs --clip libby=dog --hint mask --hint motion --frames 20 --width 384 --height 216': 'measures',
  'npx text2live video swan.mp4 "red swan" --source swan --region swan': 'long',
  'npx text2live video swan.mp4 "golden swan" --source swan --region swan --preset preview': 'long',
  'npx text2live video car.mp4 "rusty car" --object car-mask.png': 'long',
  'npx text2live video lake.mp4 "frozen lake" --layer background --source lake': 'long',
  'npx text2live video swan.mp4 --layer both --foreground-prompt "golden swan" --background-prompt "frozen lake"':
    'long',
  'npx text2live video swan.mp4 "swan made of crochet" --atlas runs/swan-1': 'long',
  'npx text2live video swan.mp4 "frozen lake" --layer background --source lake --over runs/swan-1': 'long',
  'npx text2live video --resume runs/swan-1': 'long',
  'npx text2live render runs/swan-1': 'long',
  'npx text2live atlas fit swan.mp4 --region swan -o swan-atlas': 'long',
  'npx text2live atlas inspect swan-atlas': 'long',
  'npx text2live atlas render swan-atlas --foreground painted.psd -o painted': 'long',
}

/** A command of the docs. */
export interface DocCommand {
  /** The first page that has it, from the root of the repository. */
  readonly page: string
  /** Without its comment. */
  readonly text: string
}

/**
 * Every command in a fenced block of sh or bash of the README and the docs, once each, in the order of the pages:
 * the guide first, which makes the runs that others speak of.
 */
export function docCommands(): DocCommand[] {
  const docs = (readdirSync(join(root, 'docs'), { recursive: true }) as string[])
    .filter((name) => name.endsWith('.md') && name !== 'http.md')
    .map((name) => `docs/${name}`)
    .sort()
  const first = ['docs/guide/photos.md', 'docs/guide/clips.md']
  const found = new Map<string, DocCommand>()
  for (const page of [...first, 'README.md', ...docs.filter((name) => !first.includes(name))]) {
    const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```(?:sh|bash|shell|console)\n([^]*?)^```/gm)
    for (const [, block] of blocks)
      for (const line of block!.split('\n')) {
        const text = line
          .replace(/\s+# .*$/, '')
          .replaceAll(/ +/g, ' ')
          .trim()
        if (text !== '' && !text.startsWith('#') && !found.has(text)) found.set(text, { page, text })
      }
  }
  return [...found.values()]
}

/**
 * What cuts a run to seconds: few steps at a small size, a narrow generator, and no region to look for unless the docs
 * ask.
 */
const toy =
  '--size 192 --views 1 --generator-width 8 --generator-levels 4 --start random --region none --device cpu --threads 1'
const cuts: readonly (readonly [RegExp, string])[] = [
  [/^text2live image --resume /, '--steps 2'],
  [/^text2live image /, `--steps 1 ${toy}`],
  [/^text2live relevancy /, '--size 192 --device cpu'],
  [/^text2live video --resume /, '--steps 2'],
  [
    /^text2live video (?!.*(--over|--atlas))/,
    `--steps 1 --train-size 0 ${toy.replace('--region none ', '').replace('192', '0')}`,
  ],
  [/^text2live video /, '--steps 1'],
  [/^text2live atlas fit /, '--size 0 --device cpu'],
]

/** The command as it is run: cut, and without npx, which would look for the package. */
export function cutCommand(text: string): string {
  const own = text.replace(/^npx (?=text2live )/, '')
  const cut = cuts.find(([pattern]) => pattern.test(own))
  if (cut === undefined) return own
  const flags = cut[1].split(/ (?=--)/).filter((flag) => !own.includes(`${flag.split(' ')[0]} `))
  return `${own} ${flags.join(' ')}`
}

/** A folder to run commands in, which finds the built `text2live` in its PATH and has its own home. */
export function commandFolder(): { folder: string; run: (text: string) => Promise<{ status: number; text: string }> } {
  const folder = mkdtempSync(join(tmpdir(), 'text2live-docs-'))
  const bin = join(folder, '.bin')
  mkdirSync(bin)
  const script = join(bin, 'text2live')
  writeFileSync(script, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(script, 0o755)
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    HF_HOME: join(folder, '.cache'),
    HF_HUB_OFFLINE: '1',
  }
  const run = (text: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve) => {
      execFile('sh', ['-ec', text], { cwd: folder, env, maxBuffer: 2 ** 24 }, (error, out, err) =>
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), text: `${out}${err}` }),
      )
    })
  for (const name of ['.local/share/bash-completion/completions', '.zfunc', '.config/fish/completions', 'examples'])
    mkdirSync(join(folder, name), { recursive: true })
  return { folder, run }
}

/** A file of examples/. */
export const exampleFile = (name: string): string => join(root, 'examples', name)

/** Makes the folder of a file, and writes it. */
export function place(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
