import tseslint from 'typescript-eslint'

/** At the top of a file an arrow function is one expression; where it has a type, that says what it is. */
const functionOfStatements = {
  selector:
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator:not([id.typeAnnotation]) > ArrowFunctionExpression.init[body.type="BlockStatement"]',
  message: 'Write function name(): a function of statements is declared, an arrow function is one expression.',
}

/** Private is what the language keeps private: `#member`, and the constructor says what it sets. */
const privateWord = {
  selector:
    ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"], TSParameterProperty)[accessibility="private"]',
  message: 'Write #member: the language keeps it private.',
}

/** `from` with a function takes many times as long as `map`, which counts for pictures and clips. */
const slowNumbers = {
  selector:
    'CallExpression[callee.object.name=/^(Float|Int|Uint)\\d+(Clamped)?Array$/][callee.property.name="from"][arguments.length=2]',
  message:
    'Write new Float32Array(n).map((_, i) => ...), or map the list first: the same numbers, several times as fast.',
}

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'dist-site/',
      'dist-docs/',
      'node_modules/',
      'runs/',
      'test/browser/dist/',
      '**/*.mjs',
      '**/*.js',
    ],
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'no-console': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      eqeqeq: 'error',
      'max-lines': ['error', { max: 700 }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Shapes are static and indices come from loops over them: `!` marks what noUncheckedIndexedAccess cannot know.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'sharp',
              allowTypeImports: true,
              message:
                'Import { sharp } from media/node/sharp.js: it is loaded when it is used, and says what is missing.',
            },
            {
              name: 'onnxruntime-node',
              allowTypeImports: true,
              message: 'Call loadOnnxRuntime of engine/node: it turns off telemetry first, and says what is missing.',
            },
          ],
        },
      ],
    },
  },
  // Of two ways to write the same the one that the code has.
  { files: ['**/*.ts', '**/*.tsx'], rules: { 'no-restricted-syntax': ['error', functionOfStatements] } },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    rules: { 'no-restricted-syntax': ['error', functionOfStatements, privateWord] },
  },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-syntax': ['error', functionOfStatements, privateWord, slowNumbers] },
  },
  // Prettier breaks code, and leaves comments and texts as they are.
  {
    files: ['**/*.ts', '**/*.tsx'],
    rules: { 'max-len': ['error', { code: 100_000, comments: 120, ignoreUrls: true }] },
  },
  // `readFixtureJson<Shape>` says what the reader of a fixture expects.
  { files: ['test/**/*.ts', '**/*.test.ts'], rules: { '@typescript-eslint/no-unnecessary-type-parameters': 'off' } },
)
