"""The English that questions about runs are made of.

Owns two lists: words that never stand for a misspelled name, and those among them that a misspelled word may be meant
for. It must not know what they ask for.
"""

from typing import Final

CUES: Final = frozenset(
    """
    about above accuracy accurate active againts all annotate anything artifacts average before below best better
    between bigger biggest changed changes cheapest checkpoint code compare compared comparing comparison completed
    config contain containing converge converged converging count crashed curve dataset datasets describe detail
    details diff differ difference differences different diverge diverged each earliest epoch epochs evolve evolved
    experiment experiments failed failing failures fastest finished flag flagged following greatest highest history
    how hyperparameter hyperparameters identical improve improved improving instead interrupted killed largest
    latest leaderboard learning least list longest loss losses lowest many mark marked maximum mean mention
    mentioned mentioning mentions metric metrics minimum model models most newest next note notes number oldest over
    overfit overfitted overfitting overview parameter parameters performance performing performs plateau plot
    previous progress propose publish published quickest rank ranked ranking recap recent recently recommend
    recommendation reached remark results running runs runtime score search settings shortest show side similar
    since slowest smallest sort started status strongest successful successfully suggest suggestion suggestions
    summarise summarize summary tagged their than top training trend under update validation value values versus
    weakest which with without winner winning within works worst yesterday
    """.split()  # noqa: SIM905 - a list of quoted words would be unreadable
)
"""Words that a misspelled word may be meant for."""

_EVERYDAY: Final = frozenset(
    """
    a according across actually add after afterwards again against ago almost along already also although always am
    among amount an analysis analyze and another answer any anybody anyone apart are aren't around as ask asked at
    attach away awful back bad badly based be because been began begin being belong best-performing big both bottom
    break bring broke but by call called came can can't cancelled care category catch change check choose clear
    close closer closest come comes coming comment comments commit compares complete configuration configurations
    configs consider contains could couldn't couple crash crashes currently cost costs curious curves data date day
    days deal decrease decreased decreasing deliver develop developed did didn't die died display do does doesn't
    doing don't done down drop dropped drops during earlier early edit effect either else end ended ends enough
    entire error errored errors even ever every everyone everything everywhere exact exactly examine except
    excluding exist exists expect explain fail fails failure fall falling far fast faster favorite few fewer fewest
    find finds fine finish first fit fix flat for found four four-fold from full further gave general get gets
    getting give given gives go goes going good got grab great greater group grouped had half happen happened
    happening hard has have haven't having head heavier hello help her here hey hi high higher him his hit hits hold
    hour hours however huge i i'd i'll i'm i've id idea ideas ids if in include included including increase
    increased increasing indeed info information inside interesting into is isn't it it's its itself itself job jobs
    jot just keep keeps kept key kill kind know lab label labeled labelled lag large larger last late lately later
    lead leader leaders leading leads leave leaves led less let let's level like likely line listed listing lists
    little log logged logs long longer look looking looks lot low lower made make makes marking marks match matter
    max may maybe me means median might mind mine minimal minute minutes moment month months more morning move much
    must my name named names near nearest need needs never new newer nice night no nobody none nor not nothing now
    o'clock of off often ok okay old older on once one ones ongoing only onto open or order ordered other others our
    out outcome outperform outperforms overall overfits own pair param params part particular past pay pending
    people per percent perform performed performer performers period perhaps pick picked piece place plateaued
    please pls plz point points poor poorest poorly pop possible pref prefer present preset print probably problem
    problems project promising pull put puts question quick quicker quickly quite range rankings rate rather reach
    reaches read ready really reason record recorded records regard regarding related remaining remember remove
    removed report reported respect result return returned right rise rising run said same save saw say saying says
    scored scores scoring second seconds see seem seems seen select send set sets setting setup several shape she
    should showed showing shown sign similarly simple single sit situation size slow slower slowly small smaller so
    some somebody someone something somewhere sorted sounds spent split stable stack stand stands start starting
    starts state stated stats step steps still stop stopped store stored story strong stronger struggle stuff
    succeed succeeded success successful sum summaries sure sweep table tag tags take taken takes talk tell ten term
    terms test tested thank thanks that that's the them then there these they they're thing things think third this
    those though three through till time times to today together told tomorrow too took total toward towards train
    trained trains trending tried tries try trying turn two type typical understand unfinished until up upon us use
    used user uses using usual various vary verdict version very via view vs wait want wanted was wasn't way we
    we've weak weaker week weeks well went were what whatever what's whats when where where's wheres whether while
    who who's whole whom whose why wide will win winners wins won won't word words work worked working world worry
    worse worth would wouldn't write writes written wrong wrote year years yet you you're your yours hyper batch
    artifact file files command commands git hash duration seed seeds much compute spend gone good-looking sort
    sorting filter filtered filters having whatever overall anyhow true false picture gist rundown deploy grep beat
    beats resemble resembles champion neighbour neighbours neighbor neighbors pros language vision network networks
    neural deep machine learning ml ai algorithm algorithms method methods approach approaches architecture
    architectures classifier classifiers trial trials regarding hardware runner hardest harder easiest easier knob
    knobs lever levers dial dials sensible reasonable natural logical phrase string keyword somewhere touch hold
    holds launch launched kick kicked submitted execute executed executing fire fired song sing room publication
    publications potential headroom untapped finetune finetuned finetunes finetuning brief upper hand gap margin
    spread ran sat fell rose grew lay lost cut shut grown toughest luckiest lucky nicest impressive impressed
    superior inferior portion share fraction percentage proportion ratio quantity tally nr beaten topped topping
    surpass surpassed surpasses passed passing crossed cleared blow blew explode exploded exploding crash die dying
    trace track follow tracking profit benefit benefits produce produced produces yield yielded yields buy buys
    bring brings gain gains gained contribute modify modified altered alter tweak tweaked deviate distinguish
    discuss discusses discussed refer refers hint hints speak speaks outcome achieve achieved achieves aborted
    finishing successfully succeeding promote star annotation remarkable notable noteworthy decent weird strange odd
    oddest obvious obviously actual currently presently alive dead stalled stuck hang hanging able achieving
    additional adjust advice advise affairs affects ahead alike allude annotated append behave behind beneath bet
    beyond blown boost broken build built cancel canceled candidates carries carry changing chart cheaper choice
    commented comparable concerning contrast convergence costliest counting created debrief define definition delete
    depends designed differing difficult discovered distance diverging download draw dropping empty equal equals
    erase evolution evolving excess expensive explore exploring fetch fifth five fourth functions graph highlights
    impact impacts implement incomplete influence influences inspect install introduced lack lasted lasting left
    littlest lookalikes lousiest meaning min missing north noted optimal packages peak placed preempted progressing
    properly proposals proposed publishable purpose push raise ranging reaching reading reduce relaunch remarked
    remind rename request rerun reset restart resume retrain role saved schedule shall ship shorter south speedier
    stall stating stays stopping submit takeaways taking terminated text tips tldr traceback trajectory trust tune
    underfit unflag unluckiest unmark unpublish unsuccessful upload upwards wipe wrap paper papers thesis slides
    slide demo production presentation meeting boss supervisor team colleague client customer deadline figure
    appendix submission conference workshop avoid avoided avoiding automatically
    """.split()  # noqa: SIM905
)

DATE_WORDS: Final = (
    "january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "today", "yesterday", "tonight",
    "week", "weekend", "month", "last", "since", "before", "after", "between", "hours", "days", "weeks",
)  # fmt: skip
"""Words that times are said with."""

NAMELIKE: Final = frozenset(
    """
    sweep final full small large quick stable single simple lab key current hard strong weak active story recipe
    """.split()  # noqa: SIM905
)
"""Those of them that a store may well use as a name."""

COMMON: Final = CUES | _EVERYDAY
"""Words that are never taken for a misspelled name of a store."""

RESERVED: Final = frozenset(
    """
    run runs experiment experiments best top compare list show find note notes tag tags metric metrics param params
    parameter parameters dataset datasets last first latest all most least better worse failed killed running
    finished flag publish mark details summary diff how many which what and or vs versus by on in with not time test
    training the a an of to for is was it them those these bad good status
    """.split()  # noqa: SIM905
)
"""Words that mean no name of the store when they stand alone, whatever it holds."""
