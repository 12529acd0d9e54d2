import { HUB_URL } from '@huggingface/hub'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { readProxySettings, type ProxySettings } from './proxies.js'
import { readRegularFile } from '../../media/node/readRegularFile.js'

/** What the variables of the Hugging Face ecosystem ask for. */
export interface HubEnvironment {
  /** `HF_HUB_CACHE`, or `hub` in `HF_HOME`: the folder of all cached repositories. */
  readonly cache: string
  /** Where OpenAI's own program keeps its `.pt` files. */
  readonly torchCache: string
  /** `HF_ENDPOINT`: the web address of the hub, without a slash at its end. */
  readonly endpoint: string
  /** `HF_HUB_OFFLINE` */
  readonly offline: boolean
  /** `HF_TOKEN`, or the file that `hf auth login` writes. */
  readonly token: string | null
  /** `HF_HUB_DOWNLOAD_TIMEOUT`: seconds without a byte after which a connection counts as dead. */
  readonly stallSeconds: number
  readonly proxies: ProxySettings
}

type Variables = Readonly<Record<string, string | undefined>>

/** Seconds without a byte; ecosystem programs wait 10. */
const defaultStall = 20

/** @throws OPTION_INVALID for an endpoint that is no web address */
export async function readHubEnvironment(variables: Variables = process.env): Promise<HubEnvironment> {
  const given = (name: string): string | null => {
    const value = variables[name]?.trim() ?? ''
    return value === '' ? null : value.replace(/^~(?=[/\\]|$)/, homedir())
  }
  const caches = given('XDG_CACHE_HOME') ?? join(homedir(), '.cache')
  const home = given('HF_HOME') ?? join(caches, 'huggingface')
  const isOn = (name: string): boolean => /^(1|on|yes|true)$/i.test(given(name) ?? '')
  const stall = Number(given('HF_HUB_DOWNLOAD_TIMEOUT') ?? defaultStall)
  return {
    cache: given('HF_HUB_CACHE') ?? given('HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub'),
    torchCache: join(caches, 'clip'),
    endpoint: checkEndpoint(given('HF_ENDPOINT') ?? HUB_URL),
    offline: isOn('HF_HUB_OFFLINE') || isOn('TRANSFORMERS_OFFLINE'),
    token:
      given('HF_TOKEN') ??
      given('HUGGING_FACE_HUB_TOKEN') ??
      (await tokenIn(given('HF_TOKEN_PATH') ?? join(home, 'token'))),
    stallSeconds: stall > 0 ? stall : defaultStall,
    proxies: readProxySettings(variables),
  }
}

async function tokenIn(path: string): Promise<string | null> {
  const bytes = await readRegularFile(path, { what: 'a token', maxBytes: 10_000 }).catch(() => new Uint8Array())
  const text = new TextDecoder().decode(bytes).trim()
  return text === '' ? null : text
}

function checkEndpoint(address: string): string {
  if (/^https?:\/\//.test(address) && URL.canParse(address)) return address.replace(/\/+$/, '')
  throw new Text2LiveError(
    'OPTION_INVALID',
    `Expected HF_ENDPOINT to be a web address such as ${HUB_URL}, it is "${address}". Correct the variable or unset it.`,
  )
}
