import { Command } from 'commander'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { GuidanceCheck } from '../method/checkGuidance.js'
import type { FileCheck, ListedModel, ModelDescription } from '../models/node/modelCache.js'
import { imageOptions, type ImageSettings } from '../options/imageOptions.js'
import { parseRow } from '../options/parseOption.js'
import { printableJson } from '../printable.js'
import { jsonReporter, megabytes, textReporter } from './reporters.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { SetStatus, Terminal } from './terminal.js'

interface JsonFlag {
  readonly json?: true
}

/** `text2live models list | get | info | verify | remove | import | check` */
export function modelsCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const print = (text: string): void => void terminal.stdout.write(text)
  /** One line of JSON, or text for a person. */
  const answer = (json: boolean | undefined, value: unknown, text: () => string): void => {
    print(json === true ? `${printableJson(value)}\n` : `${text()}\n`)
    setStatus(0)
  }
  const sub = (name: string, about: string, examples: string): Command =>
    new Command(name)
      .description(about)
      .option('--json', 'print JSON and nothing else')
      .helpOption('-h, --help', 'show this text')
      .addHelpText('after', `\nExamples:\n${examples}`)

  const list = sub(
    'list',
    'the models that are known or in the cache',
    `  $ text2live models list
      names to give to --guidance, and what is on this machine`,
  ).action(async ({ json }: JsonFlag) => {
    const { listModels } = await import('../models/node/modelCache.js')
    const cache = await cacheFolder()
    const models = await listModels(cache)
    answer(json, { cache, models }, () => `${models.map(listLine).join('\n')}\n\ncache: ${cache}`)
  })

  const get = sub(
    'get',
    'fetch a model into the cache, or the newest of it',
    `  $ text2live models get openai/clip-vit-base-patch32
      the model of the paper, 605 MB; a download that was cut goes on
  $ HF_ENDPOINT=https://hub.example.org text2live models get ViT-L/14
      from a mirror`,
  )
    .argument('<model>', "a known name, owner/name of the hub, or the address of a .pt file of OpenAI's")
    .action(async (name: string, { json }: JsonFlag) => {
      const reporter = json === true ? jsonReporter(terminal.stdout) : textReporter(terminal.stdout)
      const { getModel } = await import('../models/node/getModel.js')
      try {
        const folder = await stoppable(terminal, (signal) =>
          getModel(name, { signal, onProgress: (event) => reporter.report(event) }),
        )
        reporter.end()
        answer(json, { type: 'model', name, folder }, () => `${name} is in ${folder}`)
      } finally {
        reporter.end()
      }
    })

  const info = sub(
    'info',
    'what a model is, and its files',
    `  $ text2live models info ViT-B/32
      sizes of its parts, and where it is`,
  )
    .argument('<model>', 'a known name, owner/name of the hub, or a folder')
    .action(async (name: string, { json }: JsonFlag) => {
      const { describeModel } = await import('../models/node/modelCache.js')
      const model = await describeModel(name, await cacheFolder())
      answer(json, model, () => infoText(model))
    })

  const verify = sub(
    'verify',
    'hash the files of a model again',
    `  $ text2live models verify openai/clip-vit-base-patch32
      exit status 1 when a file is not what its publisher says; unproven where the cache holds no hash of it`,
  )
    .argument('<model>', 'a known name, owner/name of the hub, or starter')
    .action(async (name: string, { json }: JsonFlag) => {
      const { verifyModel } = await import('../models/node/modelCache.js')
      const files = await verifyModel(name, await cacheFolder())
      const damaged = files.filter(({ intact }) => intact === false)
      const unproven = files.some(({ intact }) => intact === null)
      answer(json, { name, intact: damaged.length > 0 ? false : unproven ? null : true, files }, () =>
        files.map(checkLine).join('\n'),
      )
      if (unproven && json !== true) {
        terminal.stderr.write(
          'note: the cache holds no hash of the files that are unproven: another program put them there without links. Their structure is whole, ' +
            'SHA-256 as found; their publisher shows theirs on the page of the model\n',
        )
      }
      if (damaged.length > 0) {
        throw new Text2LiveError(
          'MODEL_DAMAGED',
          `${damaged.map(({ file }) => file).join(', ')} of ${name} changed on the disk. ${
            name === 'starter'
              ? 'Install text2live again.'
              : `Remove the model and fetch it again: text2live models remove ${name} --force && text2live models get ${name}`
          }`,
        )
      }
    })

  const remove = sub(
    'remove',
    'delete a model from the cache',
    `  $ text2live models remove openai/clip-vit-base-patch32
      says what would be deleted
  $ text2live models remove openai/clip-vit-base-patch32 --force
      deletes it; other programs that use the Hugging Face cache lose it too`,
  )
    .argument('<model>', 'a known name, or owner/name of the hub')
    .option('--force', 'delete it')
    .action(async (name: string, { json, force }: JsonFlag & { force?: true }) => {
      const { removeModel } = await import('../models/node/modelCache.js')
      const removed = await removeModel(name, await cacheFolder(), force === true)
      answer(json, removed, () => `removed ${removed.folder} (${megabytes(removed.bytes)})`)
    })

  const imported = sub(
    'import',
    'check a model and copy it into the cache, for machines without network',
    `  $ text2live models import ./clip-vit-base-patch32 --name openai/clip-vit-base-patch32
      a folder with config.json, model.safetensors (or its shards) and tokenizer files; then: --guidance openai/clip-vit-base-patch32
  $ text2live models import ViT-B-32.pt --name local/vit-b-32
      OpenAI's own file, converted`,
  )
    .argument('<path>', "a folder in the Hugging Face layout, or a .pt file of OpenAI's")
    .option('--name <owner/name>', 'what it is called from then on (default: local/<name of the folder>)')
    .action(async (path: string, { json, name }: JsonFlag & { name?: string }) => {
      const { importModel } = await import('../models/node/importModel.js')
      const model = await importModel(path, name, await cacheFolder())
      answer(json, model, () => `${path} is in the cache now (${megabytes(model.bytes)}): --guidance ${model.name}`)
    })

  const check = sub(
    'check',
    'run the conformance suite on a guidance plug-in',
    `  $ text2live models check ./my-guidance.mjs
      shapes, gradients against finite differences, the same bits twice; exit status 2 where one fails
  $ text2live models check ./my-guidance.mjs --device webgpu
      also the numbers of that device against those of the CPU`,
  )
    .argument('<module>', 'the path of its module, or the name of an installed package')
    .option('--device <name>', 'a device besides the CPU: webgpu or cuda')
    .action(async (module: string, { json, device }: JsonFlag & { device?: string }) => {
      const checks = await checkModule(module, device)
      answer(json, { module, checks }, () => checks.map(passedLine).join('\n'))
      const failed = checks.filter(({ passed }) => !passed).length
      if (failed > 0)
        throw new Text2LiveError(
          'GUIDANCE_INVALID',
          `${failed} of ${checks.length} checks of ${module} failed. Mend what they say; docs/plugins.md has what a plug-in needs.`,
        )
    })

  const command = new Command('models')
    .description('fetch, list, check and remove guidance models')
    .helpOption('-h, --help', 'show this text')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Models are kept in the cache that the Hugging Face programs share (HF_HOME, HF_HUB_CACHE). HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HTTPS_PROXY,
HTTP_PROXY, ALL_PROXY and NO_PROXY are respected.

Examples:
  $ text2live models list
  $ text2live models get ViT-B/32
  $ text2live image teapot.jpg "golden teapot" --guidance openai/clip-vit-base-patch32`,
    )
  for (const each of [list, get, info, verify, remove, imported, check]) command.addCommand(each)
  return command
}

async function checkModule(module: string, device: string | undefined): Promise<GuidanceCheck[]> {
  const [{ checkGuidance }, { registerGuidance }, { registeredPlugin }, { openRuntime }] = await Promise.all([
    import('../method/checkGuidance.js'),
    import('../models/node/registerGuidance.js'),
    import('../models/guidanceRegistry.js'),
    import('../run/openRuntime.js'),
  ])
  const plugin = registeredPlugin(await registerGuidance(module))!
  const on = async (name: string): Promise<Runtime> =>
    await openRuntime({
      device: parseRow(imageOptions.device, name, '--device') as ImageSettings['device'],
      threads: 0,
    })
  return await checkGuidance(plugin, [await on('cpu'), ...(device === undefined ? [] : [await on(device)])])
}

const passedLine = ({ name, passed, detail }: GuidanceCheck): string =>
  `${passed ? 'passed' : 'FAILED'}  ${name}  (${detail})`

async function cacheFolder(): Promise<string> {
  const { readHubEnvironment } = await import('../models/node/hubEnvironment.js')
  return (await readHubEnvironment()).cache
}

/** Ctrl-C ends the work in good order. */
async function stoppable<T>(terminal: Terminal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const results: T[] = []
  await stopOnSignals(
    terminal,
    { stopping: 'stopping and keeping what came', onStop: () => terminal.stderr.write('\n'), goOn: '' },
    async (signal) => {
      results.push(await work(signal))
      return { finished: true, folder: null }
    },
  )
  return results[0]!
}

const states = { embedded: 'embedded', cached: 'here', part: 'in part', absent: '-' } as const

const listLine = ({ name, state, bytes, about }: ListedModel): string =>
  `${name.padEnd(40)}  ${states[state].padEnd(8)}  ${(state === 'absent' ? `(${megabytes(bytes)})` : megabytes(bytes)).padStart(9)}  ${about}`.trimEnd()

function checkLine({ file, intact, expected, found }: FileCheck): string {
  if (intact === null) return `unproven ${file}: ${found}`
  return intact ? `intact   ${file}` : `damaged  ${file}: expected ${expected}, found ${found}`
}

function infoText({ name, state, folder, commit, architecture, files, about }: ModelDescription): string {
  const towers = architecture && [
    [
      'image',
      `${architecture.imageTower.blocks} blocks of width ${architecture.imageTower.width}, patches of ${architecture.patch} px, trained at ${architecture.image} px`,
    ],
    [
      'text',
      `${architecture.textTower.blocks} blocks of width ${architecture.textTower.width}, at most ${architecture.textTower.context} tokens`,
    ],
    ['embedding', `${architecture.embedding} numbers; ${architecture.activation}`],
  ]
  const lines = [
    ['name', name],
    ['about', about],
    ['state', state === 'absent' ? `not here; to fetch it: text2live models get ${name}` : states[state]],
    ['folder', folder ?? ''],
    ['commit', commit ?? ''],
    ...(towers ?? []),
    ...files.map((file) => ['file', `${file.name} (${megabytes(file.bytes)})`]),
  ]
  return lines
    .filter(([, value]) => value !== '')
    .map(([label, value]) => `${label!.padEnd(9)}  ${value}`)
    .join('\n')
}
