import { closest, distance } from 'fastest-levenshtein'

/** A model that is known by name. */
export interface KnownModel {
  /** The repository that publishes it in the Hugging Face layout. */
  readonly repo: string
  /** Other names it goes by. */
  readonly aliases: readonly string[]
  /** Bytes of its weights, about. */
  readonly bytes: number
  readonly about: string
  /** The file that OpenAI published first: its name and SHA-256 (the published addresses carry both). */
  readonly torchFile?: { readonly name: string; readonly sha256: string }
}

/** The embedded model: it needs no fetching. */
export const starterName = 'starter'

export const knownModels: readonly KnownModel[] = [
  {
    repo: 'openai/clip-vit-base-patch32',
    aliases: ['ViT-B/32', 'ViT-B-32', 'clip-vit-base-patch32'],
    bytes: 605e6,
    about: 'CLIP ViT-B/32, the model of the paper',
    torchFile: { name: 'ViT-B-32.pt', sha256: '40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af' },
  },
  {
    repo: 'openai/clip-vit-base-patch16',
    aliases: ['ViT-B/16', 'ViT-B-16', 'clip-vit-base-patch16'],
    bytes: 599e6,
    about: 'CLIP ViT-B/16: finer patches, about four times the work',
    torchFile: { name: 'ViT-B-16.pt', sha256: '5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f' },
  },
  {
    repo: 'openai/clip-vit-large-patch14',
    aliases: ['ViT-L/14', 'ViT-L-14', 'clip-vit-large-patch14'],
    bytes: 1.71e9,
    about: 'CLIP ViT-L/14: larger and finer; for graphics cards',
    torchFile: { name: 'ViT-L-14.pt', sha256: 'b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836' },
  },
  {
    repo: 'openai/clip-vit-large-patch14-336',
    aliases: ['ViT-L/14@336px', 'ViT-L-14-336px', 'clip-vit-large-patch14-336'],
    bytes: 1.71e9,
    about: 'CLIP ViT-L/14 trained at 336 px',
    torchFile: {
      name: 'ViT-L-14-336px.pt',
      sha256: '3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02',
    },
  },
  {
    repo: 'laion/CLIP-ViT-B-32-laion2B-s34B-b79K',
    aliases: ['CLIP-ViT-B-32-laion2B-s34B-b79K'],
    bytes: 605e6,
    about: 'ViT-B/32 trained by LAION on LAION-2B',
  },
]

/** The known model called `name`, in any case. */
export function findKnownModel(name: string): KnownModel | undefined {
  const wanted = name.toLowerCase()
  return knownModels.find(({ repo, aliases }) => [repo, ...aliases].some((known) => known.toLowerCase() === wanted))
}

/** The published SHA-256 of the file called `name`, where it is one of OpenAI's. */
export function publishedSha256(name: string): string | undefined {
  return knownModels.find(({ torchFile }) => torchFile?.name === name)?.torchFile?.sha256
}

/** The known name that `name` most likely meant. */
export function nearestModel(name: string): string {
  const names = [starterName, ...knownModels.flatMap(({ repo, aliases }) => [repo, ...aliases])]
  const wanted = name.toLowerCase()
  const inside = names.filter((known) => wanted.length > 3 && known.toLowerCase().includes(wanted))
  if (inside.length > 0) return inside.reduce((a, b) => (distance(a, name) <= distance(b, name) ? a : b))
  const lower = names.map((known) => known.toLowerCase())
  return names[lower.indexOf(closest(wanted, lower))]!
}
