// scimmy-routers on express, with users in memory: `node scimmy_server.mjs PORT COUNT FOLDER`, installed in FOLDER.
//
// The routers leave the storing to whoever uses them. This store is what a careful user would write: a map by id, a
// map by userName for the filter that Entra sends, and scimmy's own matching for every other filter.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const require = createRequire(pathToFileURL(process.argv[4] + "/"));
const load = (name) => { const module = require(name); return module.default ?? module; };
const [express, SCIMMY, SCIMMYRouters] = ["express", "scimmy", "scimmy-routers"].map(load);

const [port, count] = process.argv.slice(2, 4).map(Number);
const byId = new Map(), byName = new Map();
let last = 0;

const keep = (user) => {
    byId.set(user.id, user);
    byName.set(user.userName.toLowerCase(), user);
    return user;
};

for (let n = 0; n < count; n++) {
    const userName = `user${String(n).padStart(7, "0")}@contoso.example`;
    keep({id: String(++last), userName, displayName: `User ${n}`, active: true, name: {givenName: "User", familyName: String(n)},
        emails: [{value: userName, type: "work", primary: true}], meta: {created: new Date(), lastModified: new Date()}});
}

const found = (filter) => {
    const [only, ...others] = filter ?? [];
    const [operator, value] = only?.userName ?? only?.username ?? [];
    if (only && !others.length && Object.keys(only).length === 1 && operator === "eq") {
        const user = byName.get(String(value).toLowerCase());
        return user ? [user] : [];
    }
    const all = [...byId.values()];
    return filter ? filter.match(all) : all;
};

SCIMMY.Resources.declare(SCIMMY.Resources.User)
    .egress((resource) => {
        if (!resource.id) return found(resource.filter);
        const user = byId.get(resource.id);
        if (!user) throw new SCIMMY.Types.Error(404, null, `User ${resource.id} not found`);
        return user;
    })
    .ingress((resource, data) => {
        const before = resource.id && byId.get(resource.id);
        if (resource.id && !before) throw new SCIMMY.Types.Error(404, null, `User ${resource.id} not found`);
        const other = byName.get(data.userName.toLowerCase());
        if (other && other !== before) throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
        if (before) byName.delete(before.userName.toLowerCase());
        const created = before ? before.meta.created : new Date();
        const plain = JSON.parse(JSON.stringify(data));
        return keep({...plain, id: before ? before.id : String(++last), meta: {created, lastModified: new Date()}});
    })
    .degress((resource) => {
        const user = byId.get(resource.id);
        if (!user) throw new SCIMMY.Types.Error(404, null, `User ${resource.id} not found`);
        byId.delete(user.id);
        byName.delete(user.userName.toLowerCase());
    });

const app = express();
app.use("/scim", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== "Bearer bench-secret-token") throw new Error("Authorization not detected!");
        return "1";
    },
}));
app.listen(port, "127.0.0.1");
