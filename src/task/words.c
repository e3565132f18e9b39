#include "task/words.h"

static const char *const women[] = {
    "Mary",  "Sarah",    "Anna",     "Emma",    "Laura",     "Julia", "Alice", "Jane",
    "Lisa",  "Susan",    "Karen",    "Linda",   "Rachel",    "Kate",  "Amy",   "Rose",
    "Helen", "Jennifer", "Michelle", "Jessica", "Elizabeth", "Maria", "Emily", "Ruth"};
static const char *const men[] = {"John",    "David",  "Michael", "James",   "Robert", "Paul",
                                  "Mark",    "Peter",  "Thomas",  "Daniel",  "Kevin",  "Brian",
                                  "Steven",  "Jason",  "Eric",    "Adam",    "Simon",  "Martin",
                                  "Richard", "George", "Andrew",  "Matthew", "Jack",   "Tom"};
static const char *const places[] = {
    "garden", "library", "station", "museum", "market",   "kitchen", "park",  "school",
    "office", "hotel",   "theatre", "church", "hospital", "airport", "beach", "castle"};
static const char *const objects[] = {"book",   "letter", "key",    "map",  "ring",   "camera",
                                      "ticket", "lamp",   "bottle", "coat", "basket", "phone",
                                      "hammer", "pencil", "drum",   "flag"};
static const char *const events[] = {
    "war",      "siege",     "festival",     "drought",    "strike",   "trial",
    "voyage",   "project",   "treaty",       "famine",     "reign",    "dispute",
    "alliance", "rebellion", "expedition",   "campaign",   "plague",   "exhibition",
    "truce",    "survey",    "construction", "occupation", "blockade", "negotiation"};
static const char *const cities[] = {"London",  "Paris",   "Berlin",  "Rome",   "Madrid", "Vienna",
                                     "Boston",  "Chicago", "Moscow",  "Dublin", "Tokyo",  "Sydney",
                                     "Toronto", "Delhi",   "Cairo",   "Oslo",   "Prague", "Athens",
                                     "Lisbon",  "Geneva",  "Houston", "Dallas", "Denver", "Seattle",
                                     "Atlanta", "Detroit", "Miami",   "Munich", "Milan",  "Austin"};
static const char *const people_singular[] = {
    "doctor",  "teacher", "farmer", "lawyer", "student", "pilot", "writer", "painter",
    "soldier", "manager", "driver", "singer", "officer", "guard", "player", "visitor"};
static const char *const people_plural[] = {
    "doctors",  "teachers", "farmers", "lawyers", "students", "pilots", "writers", "painters",
    "soldiers", "managers", "drivers", "singers", "officers", "guards", "players", "visitors"};
static const char *const things_singular[] = {"house", "car",  "table",  "bridge", "tree", "river",
                                              "door",  "wall", "window", "road",   "ship", "tower",
                                              "field", "shop", "boat",   "train"};
static const char *const things_plural[] = {
    "houses",  "cars",  "tables", "bridges", "trees",  "rivers", "doors", "walls",
    "windows", "roads", "ships",  "towers",  "fields", "shops",  "boats", "trains"};
static const char *const verb_singular[] = {
    "is",    "was",   "has",   "does",  "goes",  "makes", "takes", "says",  "knows", "wants",
    "needs", "seems", "comes", "looks", "gives", "works", "likes", "keeps", "feels", "thinks"};
static const char *const verb_plural[] = {"are",  "were", "have", "do",   "go",   "make", "take",
                                          "say",  "know", "want", "need", "seem", "come", "look",
                                          "give", "work", "like", "keep", "feel", "think"};
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const ordinals[] = {"first", "second",  "third",  "fourth", "fifth",
                                       "sixth", "seventh", "eighth", "ninth",  "tenth"};
static const char *const numbers[] = {
    "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11", "12", "13", "14", "15",
    "16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30",
    "31", "32", "33", "34", "35", "36", "37", "38", "39", "40", "41", "42", "43", "44", "45",
    "46", "47", "48", "49", "50", "51", "52", "53", "54", "55", "56", "57", "58", "59", "60",
    "61", "62", "63", "64", "65", "66", "67", "68", "69", "70", "71", "72", "73", "74", "75",
    "76", "77", "78", "79", "80", "81", "82", "83", "84", "85", "86", "87", "88", "89", "90",
    "91", "92", "93", "94", "95", "96", "97", "98", "99"};
static const char *const two_digits[] = {
    "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14",
    "15", "16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29",
    "30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "40", "41", "42", "43", "44",
    "45", "46", "47", "48", "49", "50", "51", "52", "53", "54", "55", "56", "57", "58", "59",
    "60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "70", "71", "72", "73", "74",
    "75", "76", "77", "78", "79", "80", "81", "82", "83", "84", "85", "86", "87", "88", "89",
    "90", "91", "92", "93", "94", "95", "96", "97", "98", "99"};

#define LIST(name) const struct word_list words_##name = {name, sizeof name / sizeof *name}
LIST(women);
LIST(men);
LIST(places);
LIST(objects);
LIST(events);
LIST(cities);
LIST(people_singular);
LIST(people_plural);
LIST(things_singular);
LIST(things_plural);
LIST(verb_singular);
LIST(verb_plural);
LIST(days);
LIST(months);
LIST(ordinals);
LIST(numbers);
LIST(two_digits);
