//! The facts of the small world, as tables.

/// A country: its name, capital, another city, continent, language.
pub struct Country {
    pub name: &'static str,
    pub capital: &'static str,
    pub city: &'static str,
    pub continent: &'static str,
    pub language: &'static str,
}

const fn country(
    name: &'static str,
    capital: &'static str,
    city: &'static str,
    continent: &'static str,
    language: &'static str,
) -> Country {
    Country { name, capital, city, continent, language }
}

pub const COUNTRIES: [Country; 24] = [
    country("France", "Paris", "Lyon", "Europe", "French"),
    country("Germany", "Berlin", "Hamburg", "Europe", "German"),
    country("Italy", "Rome", "Milan", "Europe", "Italian"),
    country("Spain", "Madrid", "Seville", "Europe", "Spanish"),
    country("Portugal", "Lisbon", "Porto", "Europe", "Portuguese"),
    country("Greece", "Athens", "Corinth", "Europe", "Greek"),
    country("Poland", "Warsaw", "Krakow", "Europe", "Polish"),
    country("Sweden", "Stockholm", "Uppsala", "Europe", "Swedish"),
    country("Norway", "Oslo", "Bergen", "Europe", "Norwegian"),
    country("Finland", "Helsinki", "Turku", "Europe", "Finnish"),
    country("Denmark", "Copenhagen", "Odense", "Europe", "Danish"),
    country("England", "London", "Oxford", "Europe", "English"),
    country("Ireland", "Dublin", "Cork", "Europe", "English"),
    country("Hungary", "Budapest", "Szeged", "Europe", "Hungarian"),
    country("Egypt", "Cairo", "Luxor", "Africa", "Arabic"),
    country("Kenya", "Nairobi", "Mombasa", "Africa", "Swahili"),
    country("Morocco", "Rabat", "Tangier", "Africa", "Arabic"),
    country("China", "Beijing", "Shanghai", "Asia", "Chinese"),
    country("Japan", "Tokyo", "Osaka", "Asia", "Japanese"),
    country("Thailand", "Bangkok", "Phuket", "Asia", "Thai"),
    country("Peru", "Lima", "Cusco", "South America", "Spanish"),
    country("Chile", "Santiago", "Valdivia", "South America", "Spanish"),
    country("Brazil", "Brasilia", "Recife", "South America", "Portuguese"),
    country("Canada", "Ottawa", "Toronto", "North America", "English"),
];

/// A family: father, mother, son, daughter; where they live and what the parents and children do.
pub struct Family {
    pub members: [&'static str; 4],
    /// Index into [`COUNTRIES`]; the family lives in its capital.
    pub home: usize,
    /// Indices into [`PROFESSIONS`], of the father and of the mother.
    pub professions: [usize; 2],
    pub pet: &'static str,
    pub pet_name: &'static str,
    /// The favourite colours of son and daughter.
    pub colours: [&'static str; 2],
}

const fn family(
    members: [&'static str; 4],
    home: usize,
    professions: [usize; 2],
    pet: [&'static str; 2],
    colours: [&'static str; 2],
) -> Family {
    Family { members, home, professions, pet: pet[0], pet_name: pet[1], colours }
}

pub const FAMILIES: [Family; 10] = [
    family(["Peter", "Anna", "Tom", "Lucy"], 0, [0, 1], ["dog", "Rex"], ["blue", "red"]),
    family(["John", "Mary", "Ben", "Ella"], 11, [2, 3], ["cat", "Tiger"], ["green", "yellow"]),
    family(["Paul", "Julia", "Max", "Mia"], 1, [4, 5], ["rabbit", "Snowy"], ["red", "white"]),
    family(["Henry", "Clara", "Sam", "Eva"], 2, [6, 7], ["horse", "Star"], ["brown", "blue"]),
    family(["George", "Helen", "Leo", "Sofia"], 5, [8, 9], ["goat", "Billy"], ["white", "green"]),
    family(["Martin", "Rosa", "Felix", "Marie"], 3, [10, 11], ["parrot", "Polly"], ["yellow", "black"]),
    family(["Oscar", "Emma", "Adam", "Lily"], 7, [12, 13], ["duck", "Daisy"], ["black", "pink"]),
    family(["Victor", "Laura", "Noah", "Grace"], 18, [3, 6], ["mouse", "Pip"], ["orange", "brown"]),
    family(["Hugo", "Nora", "Jack", "Iris"], 17, [11, 2], ["monkey", "Coco"], ["red", "orange"]),
    family(["Simon", "Alice", "David", "Ruth"], 23, [1, 10], ["pony", "Bella"], ["blue", "green"]),
];

/// A profession: name, where it is done, the tool, what one does (with and without -s).
pub struct Profession {
    pub name: &'static str,
    pub place: &'static str,
    pub tool: &'static str,
    pub does: &'static str,
    pub doing: &'static str,
}

const fn profession(
    name: &'static str,
    place: &'static str,
    tool: &'static str,
    does: &'static str,
    doing: &'static str,
) -> Profession {
    Profession { name, place, tool, does, doing }
}

pub const PROFESSIONS: [Profession; 14] = [
    profession("baker", "in a bakery", "an oven", "bakes bread", "bake bread"),
    profession("teacher", "in a school", "a blackboard", "teaches children", "teach children"),
    profession("doctor", "in a hospital", "a thermometer", "helps sick people", "help sick people"),
    profession("writer", "at a desk", "a pen", "writes books", "write books"),
    profession("farmer", "on a farm", "a plough", "grows corn", "grow corn"),
    profession("painter", "in a studio", "a brush", "paints pictures", "paint pictures"),
    profession("carpenter", "in a workshop", "a saw", "makes chairs", "make chairs"),
    profession("tailor", "in a shop", "a needle", "sews coats", "sew coats"),
    profession("fisher", "on a boat", "a net", "catches fish", "catch fish"),
    profession("cook", "in a kitchen", "a pan", "makes soup", "make soup"),
    profession("gardener", "in a garden", "a spade", "plants flowers", "plant flowers"),
    profession("singer", "in a theatre", "a microphone", "sings songs", "sing songs"),
    profession("smith", "in a forge", "a hammer", "bends iron", "bend iron"),
    profession("pilot", "at an airport", "a map", "flies planes", "fly planes"),
];

/// An animal: one, many, its food, its home, its young, its voice, its legs.
pub struct Animal {
    pub one: &'static str,
    pub many: &'static str,
    pub food: &'static str,
    pub home: &'static str,
    pub young: &'static str,
    pub voice: &'static str,
    pub legs: &'static str,
}

const fn animal(
    [one, many]: [&'static str; 2],
    food: &'static str,
    home: &'static str,
    young: &'static str,
    voice: &'static str,
    legs: &'static str,
) -> Animal {
    Animal { one, many, food, home, young, voice, legs }
}

pub const ANIMALS: [Animal; 18] = [
    animal(["dog", "dogs"], "meat", "in a kennel", "puppy", "bark", "four"),
    animal(["cat", "cats"], "fish", "in a house", "kitten", "meow", "four"),
    animal(["cow", "cows"], "grass", "on a farm", "calf", "moo", "four"),
    animal(["horse", "horses"], "hay", "in a stable", "foal", "neigh", "four"),
    animal(["sheep", "sheep"], "grass", "in a meadow", "lamb", "bleat", "four"),
    animal(["pig", "pigs"], "corn", "in a sty", "piglet", "grunt", "four"),
    animal(["hen", "hens"], "seeds", "in a coop", "chick", "cluck", "two"),
    animal(["duck", "ducks"], "weeds", "on a pond", "duckling", "quack", "two"),
    animal(["lion", "lions"], "meat", "on the plain", "cub", "roar", "four"),
    animal(["bear", "bears"], "honey", "in a cave", "cub", "growl", "four"),
    animal(["wolf", "wolves"], "meat", "in the forest", "pup", "howl", "four"),
    animal(["frog", "frogs"], "flies", "in a pond", "tadpole", "croak", "four"),
    animal(["owl", "owls"], "mice", "in a tree", "owlet", "hoot", "two"),
    animal(["bee", "bees"], "nectar", "in a hive", "larva", "buzz", "six"),
    animal(["goat", "goats"], "leaves", "in the mountains", "kid", "bleat", "four"),
    animal(["mouse", "mice"], "cheese", "in a hole", "pup", "squeak", "four"),
    animal(["elephant", "elephants"], "leaves", "on the plain", "calf", "trumpet", "four"),
    animal(["monkey", "monkeys"], "bananas", "in the jungle", "infant", "chatter", "four"),
];

/// Colours, and what has them: a plural, or a noun without number and its verb.
pub const COLOURS: [(&str, &[[&str; 2]]); 9] = [
    ("green", &[["grass", "is"], ["leaves", "are"], ["frogs", "are"], ["peas", "are"]]),
    ("yellow", &[["bananas", "are"], ["lemons", "are"], ["corn", "is"], ["butter", "is"]]),
    ("white", &[["snow", "is"], ["milk", "is"], ["salt", "is"], ["swans", "are"]]),
    ("black", &[["coal", "is"], ["ravens", "are"], ["tar", "is"]]),
    ("red", &[["blood", "is"], ["cherries", "are"], ["tomatoes", "are"], ["bricks", "are"]]),
    ("blue", &[["the sky", "is"], ["the sea", "is"], ["sapphires", "are"]]),
    ("orange", &[["carrots", "are"], ["pumpkins", "are"], ["flames", "are"]]),
    ("brown", &[["earth", "is"], ["chocolate", "is"], ["bears", "are"]]),
    ("grey", &[["ash", "is"], ["elephants", "are"], ["rain clouds", "are"]]),
];

/// Two opposites, and something that each is said of, with its verb.
pub const OPPOSITES: [[&str; 4]; 18] = [
    ["hot", "cold", "fire is", "ice is"],
    ["big", "small", "an elephant is", "a mouse is"],
    ["fast", "slow", "a horse is", "a snail is"],
    ["wet", "dry", "the sea is", "the desert is"],
    ["heavy", "light", "a stone is", "a feather is"],
    ["hard", "soft", "iron is", "wool is"],
    ["high", "low", "a mountain is", "a valley is"],
    ["loud", "quiet", "thunder is", "a whisper is"],
    ["rich", "poor", "a king is", "a beggar is"],
    ["old", "young", "a grandmother is", "a baby is"],
    ["sweet", "sour", "honey is", "a lemon is"],
    ["bright", "dark", "the day is", "the night is"],
    ["strong", "weak", "a bear is", "a kitten is"],
    ["round", "flat", "a ball is", "a plate is"],
    ["sharp", "blunt", "a knife is", "a spoon is"],
    ["deep", "shallow", "the ocean is", "a puddle is"],
    ["long", "short", "a year is", "a minute is"],
    ["brave", "afraid", "a lion is", "a rabbit is"],
];

/// Things, what they are made of, and what they are for.
pub const THINGS: [[&str; 3]; 18] = [
    ["knife", "steel", "cut bread"],
    ["key", "iron", "open a door"],
    ["pen", "plastic", "write a letter"],
    ["cup", "clay", "drink tea"],
    ["broom", "straw", "sweep the floor"],
    ["candle", "wax", "light a dark room"],
    ["hammer", "iron", "drive a nail"],
    ["boat", "wood", "cross a river"],
    ["umbrella", "cloth", "keep off the rain"],
    ["spoon", "silver", "eat soup"],
    ["ladder", "wood", "climb a wall"],
    ["towel", "cotton", "dry the dishes"],
    ["coat", "wool", "keep warm"],
    ["bottle", "glass", "carry water"],
    ["saw", "steel", "cut wood"],
    ["map", "paper", "find the way"],
    ["drum", "leather", "make music"],
    ["ball", "rubber", "play games"],
];

/// A shop, what it sells, and who sells it.
pub const SHOPS: [[&str; 3]; 8] = [
    ["bakery", "bread", "baker"],
    ["butcher shop", "meat", "butcher"],
    ["bookshop", "books", "bookseller"],
    ["dairy", "milk", "milkman"],
    ["flower shop", "roses", "florist"],
    ["toy shop", "dolls", "toymaker"],
    ["shoe shop", "boots", "shoemaker"],
    ["fish market", "fish", "fishmonger"],
];

pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Seasons, their weather, what people do, what they wear, and a month in the middle.
pub const SEASONS: [[&str; 5]; 4] = [
    ["winter", "cold", "sit by the fire", "gloves", "January"],
    ["spring", "mild", "plant seeds", "jackets", "April"],
    ["summer", "hot", "swim in the lake", "straw hats", "July"],
    ["autumn", "windy", "gather nuts", "scarves", "October"],
];

pub const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// Things that can be counted: one, many.
pub const COUNTED: [[&str; 2]; 12] = [
    ["apple", "apples"],
    ["book", "books"],
    ["coin", "coins"],
    ["pear", "pears"],
    ["egg", "eggs"],
    ["plum", "plums"],
    ["stone", "stones"],
    ["shell", "shells"],
    ["letter", "letters"],
    ["button", "buttons"],
    ["stamp", "stamps"],
    ["marble", "marbles"],
];
