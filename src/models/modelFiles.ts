/** Means and deviations of the pixels, where they are not OpenAI's. */
export const normalisationFile = 'preprocessor_config.json'

/** Of a repository in the Hugging Face layout, what describes a model beside its weights. */
const descriptions = ['config.json', normalisationFile, 'tokenizer_config.json', 'tokenizer.json', 'vocab.json', 'merges.txt']

/** In the order in which they are preferred. */
const weightFiles = ['model.safetensors', 'pytorch_model.bin']

/** OpenAI's vocabulary under its own name: stands in for tokenizer files. */
export const openAiVocabulary = 'bpe_simple_vocab_16e6.txt.gz'
export const openAiTokens = 49408

/** Every file that a model may be read from. */
export const modelFiles: readonly string[] = [...descriptions, openAiVocabulary, ...weightFiles]

/** Which of the files `present` a model is read from; the weights come last, so that where they are, all is. */
export function wantedFiles(present: ReadonlySet<string>): string[] {
  const weights = weightFiles.find(name => present.has(name))
  return [...[...descriptions, openAiVocabulary].filter(name => present.has(name)), ...(weights === undefined ? [] : [weights])]
}

/** What a model cannot do without and `present` lacks, as a person would name it. */
export function missingFiles(present: ReadonlySet<string>): string[] {
  const tokenizer = present.has('tokenizer.json') || (present.has('vocab.json') && present.has('merges.txt')) || present.has(openAiVocabulary)
  return [
    ...(present.has('config.json') ? [] : ['config.json']),
    ...(tokenizer ? [] : ['tokenizer.json (or vocab.json and merges.txt)']),
    ...(weightFiles.some(name => present.has(name)) ? [] : ['model.safetensors (or pytorch_model.bin)']),
  ]
}
